//! The server of `threads.c` in Rust: `std::net`, `std::thread`, nothing else. Ordinary code that Lichen must carry unchanged.
//!
//! usage: lichen-server-std-threads [PORT]; prints "port N", serves keep-alive connections; SIGTERM ends it (by default
//! disposition: std has no signal handling, and a program that one finds in the wild would not have any either).

#[path = "../../answer.rs"]
mod answer;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn main() -> io::Result<()> {
    let port: u16 = std::env::args()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("port {}", listener.local_addr()?.port());
    io::stdout().flush()?;

    for stream in listener.incoming() {
        let stream = stream?;
        // A connection that breaks is the business of that connection only.
        let started = thread::Builder::new().spawn(move || {
            let _ = serve(stream);
        });
        if let Err(error) = started {
            eprintln!("std_threads: no thread for a connection: {error}");
        }
    }
    Ok(())
}

/// Serves one connection until the client closes it.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut input = [0; answer::REQUEST_MAX];
    let mut output = Vec::with_capacity(256);
    let mut have = 0;
    loop {
        let length = loop {
            if let Some(length) = answer::request_length(&input[..have]) {
                break length;
            }
            let got = stream.read(&mut input[have..])?;
            if got == 0 {
                return Ok(());
            }
            have += got;
        };
        answer::answer(&input[..length], &mut output);
        stream.write_all(&output)?;
        if answer::wants_close(&input[..length]) {
            return Ok(());
        }
        input.copy_within(length..have, 0);
        have -= length;
    }
}
