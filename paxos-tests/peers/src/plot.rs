//! Bars as an SVG file that needs nothing else: a group for each size and kind, each with a scale of its own, for the sizes are
//! far apart.

use crate::table::{Row, name, number};
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 220.0;
const LABEL: f64 = 220.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
const OURS: &str = "#0072b2";
const OTHERS: &str = "#b0b7bf";

pub fn svg(rows: &[Row]) -> String {
    let (mut body, mut y) = (String::new(), 34.0);
    for group in rows.chunk_by(|a, b| (a.value_bytes, &a.kind) == (b.value_bytes, &b.kind)) {
        y += 22.0;
        let title = format!("{}, values of {} bytes", group[0].kind, group[0].value_bytes);
        add(&mut body, &format!("<text x=\"{LEFT}\" y=\"{y}\" font-weight=\"bold\">{title}</text>"));
        y += 8.0;
        let most = group.iter().map(|row| row.mbit_per_s).fold(1e-9, f64::max);
        for row in group {
            let length = row.mbit_per_s / most * (WIDTH - LEFT - LABEL);
            let colour = if ["bench", "paxos"].contains(&row.peer.as_str()) { OURS } else { OTHERS };
            let base = y + BAR - 4.0;
            let who = name(&row.peer).replace('`', "");
            add(
                &mut body,
                &format!("<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{who}</text>", LEFT - 8.0),
            );
            add(
                &mut body,
                &format!(
                    "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
                ),
            );
            let told = format!("{} Mbit/s, {} values/s", number(row.mbit_per_s), number(row.values_per_s));
            add(&mut body, &format!("<text x=\"{:.1}\" y=\"{base}\">{told}</text>", LEFT + length + 6.0));
            y += STEP;
        }
    }
    let height = y + 16.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\" fill=\"#222\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"15\">Values delivered, Mbit/s; each group has a scale of its own</text>\n\
         {body}</svg>\n"
    )
}

fn add(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}"); // into a string, which cannot fail
}
