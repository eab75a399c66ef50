//! As much of HTTP/1.1 as a scraper needs: GET and HEAD, one answer a connection.
//!
//! The crates for small servers are kept by nobody any more, and those that are kept want an asynchronous runtime; so the
//! parser is a crate ([`httparse`]), and the rest is this. Connections are served one after the other, each within
//! a second, whatever the other end does.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What a connection may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a request's head; a longer one is refused.
const HEAD_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;

/// An answer.
pub struct Answer {
    pub kind: &'static str,
    pub body: String,
}

/// Waits for connections.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// # Errors
    /// A sentence when the address cannot be had.
    pub fn open(address: SocketAddr) -> Result<Server, String> {
        let listener = TcpListener::bind(address).map_err(|error| refused(address, &error))?;
        listener.set_nonblocking(true).map_err(|error| refused(address, &error))?;
        Ok(Server { listener })
    }

    /// Where it listens, when that was left to the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Readable when somebody waits.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Answers one connection, if one waits. `answer` gets the path; `None` is "not found". What goes wrong with a
    /// connection is its own affair.
    pub fn serve(&self, answer: impl FnOnce(&str) -> Option<Answer>) {
        if let Ok((mut stream, _)) = self.listener.accept() {
            let _ = exchange(&mut stream, answer);
        }
    }
}

fn refused(address: SocketAddr, error: &io::Error) -> String {
    let todo = match error.kind() {
        ErrorKind::AddrInUse => "another program has that port: name another one with --listen",
        ErrorKind::AddrNotAvailable => {
            "no interface of this host has that address: name one that it has, or 0.0.0.0 for all"
        }
        ErrorKind::PermissionDenied => "this user may not listen there: name a port from 1024 on",
        _ => "name another address with --listen",
    };
    format!("cannot listen on {address}: {error}; {todo}")
}

fn exchange(stream: &mut TcpStream, answer: impl FnOnce(&str) -> Option<Answer>) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    stream.set_nonblocking(false)?;
    let mut head = Vec::new();
    let (status, body) = loop {
        if let Some(result) = request(&head) {
            match result {
                Err(status) => break (status, None),
                Ok((get, path)) => {
                    let found = answer(&path);
                    let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
                    break (status, found.map(|found| (get, found)));
                }
            }
        }
        read_more(stream, &mut head, deadline)?;
    };
    let (get, answer) =
        body.unwrap_or((true, Answer { kind: "text/plain; charset=utf-8", body: format!("{status}\n") }));
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.kind,
        answer.body.len()
    );
    if get {
        text.push_str(&answer.body);
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(text.as_bytes())
}

fn read_more(stream: &mut TcpStream, head: &mut Vec<u8>, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut bytes = [0; 2048];
    match stream.read(&mut bytes)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => {
            head.extend_from_slice(&bytes[..count]);
            Ok(())
        }
    }
}

/// Whether it is a GET (or a HEAD), and of which path; or the status that it is refused with; `None` while more must come.
fn request(head: &[u8]) -> Option<Result<(bool, String), &'static str>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) if head.len() < HEAD_MAX => None,
        Ok(httparse::Status::Partial) => Some(Err("431 Request Header Fields Too Large")),
        Err(_) => Some(Err("400 Bad Request")),
        Ok(httparse::Status::Complete(_)) => {
            let path = request.path.unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
            match request.method {
                Some("GET") => Some(Ok((true, path))),
                Some("HEAD") => Some(Ok((false, path))),
                _ => Some(Err("405 Method Not Allowed")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::net::Ipv4Addr;

    /// What comes back for these bytes.
    fn ask(bytes: &[u8]) -> String {
        let server = Server::open((Ipv4Addr::LOCALHOST, 0).into()).expect("loopback has ports");
        let mut stream = TcpStream::connect(server.address().expect("it is bound")).expect("it listens");
        stream.write_all(bytes).expect("it is taken");
        let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
        let waits = poll(&mut [PollFd::from_borrowed_fd(server.fd(), PollFlags::IN)], Some(&patience));
        assert_eq!(waits, Ok(1), "a connection waits");
        server
            .serve(|path| (path == "/metrics").then(|| Answer { kind: "text/plain", body: "a 1\n".into() }));
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it closes");
        text
    }

    #[test]
    fn a_page_is_got_and_what_is_none_is_refused() {
        let page = ask(b"GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\n\r\n");
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"),
            "{page}"
        );
        assert!(page.ends_with("\r\n\r\na 1\n"), "{page}");
        let head = ask(b"HEAD /metrics HTTP/1.0\r\n\r\n");
        assert!(head.contains("Content-Length: 4") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(ask(b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(ask(b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert!(ask(b"\x16\x03\x01 not http\r\n\r\n").starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn a_request_comes_in_pieces_and_a_head_without_end_is_refused() {
        assert_eq!(request(b"GET /metrics HT"), None);
        assert_eq!(request(b"GET /metrics HTTP/1.1\r\n\r\n"), Some(Ok((true, "/metrics".into()))));
        let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &vec![b'a'; HEAD_MAX]].concat();
        assert_eq!(request(&long), Some(Err("431 Request Header Fields Too Large")));
    }

    #[test]
    fn an_address_that_is_taken_is_told_with_what_to_do() {
        let server = Server::open((Ipv4Addr::LOCALHOST, 0).into()).expect("loopback has ports");
        let address = server.address().expect("it is bound");
        let error = Server::open(address).err().expect("it is taken");
        assert!(error.contains("another program has that port"), "{error}");
    }
}
