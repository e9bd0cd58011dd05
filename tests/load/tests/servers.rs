//! The C servers answer as the Rust ones do, byte for byte, however the requests are cut into pieces.

#[path = "../../servers/answer.rs"]
#[allow(dead_code, reason = "each user of this file needs its part of it")]
mod answer;
mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::CServer;

fn connect(server: &CServer) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn expected(requests: &[&[u8]]) -> Vec<u8> {
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for request in requests {
        answer::answer(request, &mut one);
        all.extend_from_slice(&one);
    }
    all
}

const FIRST: &[u8] = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n";
const SECOND: &[u8] = b"GET /second/with/a/longer/path HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST: &[u8] = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const BAD: &[u8] = b"nonsense\r\n\r\n";

fn each(test: impl Fn(&CServer, &str)) {
    for name in ["threads", "epoll"] {
        test(&CServer::start(name), name);
    }
}

#[test]
fn requests_in_single_bytes_are_answered() {
    each(|server, name| {
        let mut stream = connect(server);
        for byte in [FIRST, LAST].concat() {
            stream.write_all(&[byte]).unwrap();
        }
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert_eq!(got, expected(&[FIRST, LAST]), "{name}");
    });
}

#[test]
fn several_requests_at_once_are_answered_in_order_and_close_ends_it() {
    each(|server, name| {
        let mut stream = connect(server);
        stream
            .write_all(&[FIRST, SECOND, BAD, LAST].concat())
            .unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert_eq!(got, expected(&[FIRST, SECOND, BAD, LAST]), "{name}");
    });
}

#[test]
fn a_client_that_reads_late_gets_everything() {
    const MANY: usize = 40_000;
    each(|server, name| {
        let mut stream = connect(server);
        let mut writer = stream.try_clone().unwrap();
        // More than all socket buffers hold, so the server must wait for room again and again.
        let sender = std::thread::spawn(move || {
            for _ in 0..MANY {
                writer.write_all(SECOND).unwrap();
            }
            writer.write_all(LAST).unwrap();
        });
        std::thread::sleep(std::time::Duration::from_millis(200));
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        sender.join().unwrap();
        let one = expected(&[SECOND]);
        let last = expected(&[LAST]);
        assert_eq!(got.len(), one.len() * MANY + last.len(), "{name}");
        assert!(
            got.chunks(one.len()).take(MANY).all(|chunk| chunk == one),
            "{name}"
        );
        assert!(got.ends_with(&last), "{name}");
    });
}

#[test]
fn sigterm_ends_it_with_status_0() {
    each(|server, name| {
        let _open = connect(server);
        assert_eq!(server.terminate().code(), Some(0), "{name}");
    });
}
