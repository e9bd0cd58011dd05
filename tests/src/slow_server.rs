//! A slow HTTP server inside the test process: each answer takes a while, and the connection ends after it.
//!
//! Called by `tests/tests/programs.rs`, as the far side of clients under test. It never runs under Lichen.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Starts the server and returns its port. It answers `GET /N` with the text `answer N` after `delay`, for as long as
/// the test process lives.
///
/// # Errors
/// One line when no port can be had.
pub fn start(delay: Duration) -> Result<u16, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| format!("cannot listen: {e}"))?;
    let port = listener
        .local_addr()
        .map_err(|e| format!("cannot ask for the port: {e}"))?
        .port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = move || drop(serve(stream, delay));
            // A connection that gets no thread is closed, and the client under test will say so.
            let _ = thread::Builder::new().stack_size(64 << 10).spawn(serve);
        }
    });
    Ok(port)
}

fn serve(mut stream: TcpStream, delay: Duration) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    thread::sleep(delay);
    let path = first.split_whitespace().nth(1).unwrap_or("/");
    let body = format!("answer {}", path.trim_start_matches('/'));
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
