//! The load generator against servers that answer rightly and servers that do not: a checker that cannot fail proves
//! nothing. Each run is bounded by its duration and its patience; nothing here depends on how fast the machine is.

#[path = "../../servers/answer.rs"]
#[allow(dead_code, reason = "each user of this file needs its part of it")]
mod answer;
mod common;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

use common::CServer;

/// What the server below does instead of its fifth response on a connection.
#[derive(Clone, Copy)]
enum Fault {
    FlipABit,
    RepeatTheLast,
    SendTwice,
    CutShort,
    Refuse,
    FallSilent,
}

/// A server in this process; gone with it. Returns its port.
fn faulty_server(fault: Fault) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, fault));
        }
    });
    port
}

fn serve(mut stream: TcpStream, fault: Fault) -> io::Result<()> {
    let (mut input, mut last, mut response) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1.. {
        while answer::request_length(&input).is_none() {
            let mut piece = [0; 512];
            let got = stream.read(&mut piece)?;
            if got == 0 {
                return Ok(());
            }
            input.extend_from_slice(&piece[..got]);
        }
        answer::answer(&input, &mut response);
        input.clear();
        if number == 5 {
            match fault {
                Fault::FlipABit => *response.last_mut().unwrap() ^= 1,
                Fault::RepeatTheLast => response.clone_from(&last),
                Fault::SendTwice => response.extend_from_within(..),
                Fault::CutShort => {
                    stream.write_all(&response[..response.len() - 1])?;
                    return Ok(());
                }
                Fault::Refuse => {
                    response = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec()
                }
                Fault::FallSilent => response.clear(),
            }
        }
        stream.write_all(&response)?;
        last.clone_from(&response);
    }
    Ok(())
}

fn load(port: u16, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lichen-load"))
        .args(["http", "--json", "--warmup", "0", "--seconds", "0.3"])
        .args(["--port", &port.to_string()])
        .args(more)
        .output()
        .unwrap()
}

fn fields(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn right_answers_pass_from_both_c_servers() {
    for name in ["threads", "epoll"] {
        let server = CServer::start(name);
        let output = load(server.port, &["-n", "20"]);
        let seen = fields(&output);
        assert!(output.status.success(), "{name}: {seen}");
        // One request per connection opens it; more came after.
        assert!(seen["requests"].as_u64().unwrap() >= 20, "{name}: {seen}");
        assert_eq!(
            (&seen["wrong"], &seen["lost"]),
            (&0.into(), &0.into()),
            "{name}: {seen}"
        );
    }
}

#[test]
fn paced_load_sends_exactly_what_is_due() {
    let server = CServer::start("threads");
    let output = load(server.port, &["-n", "7", "--rate", "200"]);
    assert!(output.status.success());
    assert_eq!(fields(&output)["requests"], 60);
}

#[test]
fn each_kind_of_wrong_response_is_found() {
    for fault in [
        Fault::FlipABit,
        Fault::RepeatTheLast,
        Fault::SendTwice,
        Fault::Refuse,
    ] {
        let output = load(faulty_server(fault), &["-n", "1"]);
        let seen = fields(&output);
        assert_eq!(output.status.code(), Some(1), "{seen}");
        assert_eq!(seen["wrong"], 1, "{seen}");
        // The first opened the connection and is not counted; then three more were right.
        assert_eq!(seen["requests"], 3, "{seen}");
    }
}

#[test]
fn a_connection_that_ends_within_a_response_is_lost() {
    let output = load(faulty_server(Fault::CutShort), &["-n", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fields(&output)["lost"], 1);
}

#[test]
fn a_server_that_falls_silent_is_called_stuck() {
    let output = load(
        faulty_server(Fault::FallSilent),
        &["-n", "1", "--patience", "0.3"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("stuck"));
}

#[test]
fn no_server_at_all_is_an_error_with_a_remedy() {
    // Bound but not listening: nobody else gets the port, and connects are refused.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let output = load(port, &["-n", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is the server running?"));
}
