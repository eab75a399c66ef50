//! `paxos status --json`: the same as the table, as one object. docs/watching.md names the fields.

use super::findings::{Finding, healthy};
use super::gather::{Cluster, Seen};
use crate::protocol::Nanos;
use serde_json::{Value, json};
use wire::status::{NEVER, state};

/// The whole answer.
pub fn object(cluster: &Cluster, findings: &[Finding], now: Nanos) -> Value {
    let each: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let Finding { code, problem, what, todo } = finding;
            json!({"code": code, "problem": problem, "what": what, "todo": todo})
        })
        .collect();
    json!({
        "healthy": healthy(findings),
        "cluster": format!("{:08x}", cluster.id),
        "configuration": cluster.conf.to_string_lossy(),
        "leader": cluster.leader(now).map(|seen| seen.sender.to_string()),
        "decided_per_s": cluster.rate(now),
        "values_per_s": cluster.values(now),
        "compared_until": cluster.compared().map(|(until, _)| until),
        "findings": each,
        "processes": cluster.processes().map(|seen| process(seen, now)).collect::<Vec<_>>(),
    })
}

fn process(seen: &Seen, now: Nanos) -> Value {
    let status = &seen.last.status;
    let states: Vec<&str> =
        state::ALL.into_iter().filter(|(bit, _)| status.is(*bit)).map(|(_, word)| word).collect();
    let digests: Vec<Value> = status
        .digests()
        .map(|(until, digest)| json!({"until": until, "digest": format!("{digest:016x}")}))
        .collect();
    let rates = seen.rates();
    let mut object = json!({
        "role": seen.sender.role.name(),
        "id": seen.sender.id,
        "incarnation": format!("{:016x}", seen.sender.incarnation),
        "address": seen.address.to_string(),
        "version": seen.version(),
        "up_s": status.up_ms.get() as f64 / 1000.0,
        "silent_s": seen.silence(now).as_secs_f64(),
        "silent": seen.silent(now),
        "log": format!("{:08x}", seen.last.log),
        "ballot": status.ballot.get().to_string(),
        "state": states,
        "heartbeat_s": f64::from(status.heartbeat_us.get()) / 1e6,
        "suspect_s": f64::from(status.suspect_us.get()) / 1e6,
        "decided_until": status.decided_until.get(),
        "known_until": status.known_until.get(),
        "lag": seen.lag(),
        "in_flight": status.in_flight.get(),
        "credit_bytes": status.credit.get(),
        "digests": digests,
        "values": status.values.get(),
        "output_bytes": status.output_bytes.get(),
        "packets_received": status.received.get(),
        "packets_sent": status.sent.get(),
    });
    let more = json!({
        "packets_unsent": status.unsent.get(),
        "packets_refused": status.refusals.get(),
        "sent_again": status.repeats.get(),
        "receive_buffer_bytes": status.space.get(),
        "receive_drops": status.drops.get(),
        "receive_drops_s_ago": Some(status.dropped_s.get()).filter(|s| *s != NEVER),
        "syncs": status.syncs.get(),
        "sync_p50_s": f64::from(status.sync_p50_us.get()) / 1e6,
        "sync_p99_s": f64::from(status.sync_p99_us.get()) / 1e6,
        "sync_max_s": f64::from(status.sync_max_us.get()) / 1e6,
        "memory_bytes": status.memory.get(),
        "decided_per_s": rates.map(|rates| rates.decided),
        "values_per_s": rates.map(|rates| rates.values),
    });
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

/// The object as a line of text.
pub fn line(cluster: &Cluster, findings: &[Finding], now: Nanos) -> String {
    object(cluster, findings, now).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::scene::{S, Scene};
    use super::*;
    use wire::Role;

    #[test]
    fn the_documentation_names_each_field() {
        let page = include_str!("../../docs/watching.md");
        let page = &page[page.find("## JSON").expect("it is there")..];
        let scene = Scene::healthy();
        let object = object(&scene.cluster, &scene.findings(), scene.now);
        let fields =
            |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        for field in [fields(&object), fields(&object["processes"][0])].concat() {
            assert!(page.contains(&format!("`{field}`")), "{field}");
        }
    }

    #[test]
    fn the_object_says_what_the_table_says() {
        let mut scene = Scene::healthy();
        let told = object(&scene.cluster, &scene.findings(), scene.now);
        assert_eq!((&told["healthy"], &told["leader"]), (&json!(true), &json!("P1")));
        assert_eq!(told["processes"].as_array().map(Vec::len), Some(8));
        let key = scene.key(Role::Acceptor, 3);
        scene.silence(key);
        scene.pass(5 * S);
        let told = object(&scene.cluster, &scene.findings(), scene.now);
        assert_eq!(
            (&told["healthy"], &told["findings"][0]["code"]),
            (&json!(false), &json!("acceptor-missing"))
        );
        let silent =
            told["processes"].as_array().expect("an array").iter().filter(|seen| seen["silent"] == true);
        assert_eq!(silent.count(), 1);
    }
}
