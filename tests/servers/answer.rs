//! What every server here answers, to the byte: the Rust twin of `answer.h`, included by the tokio and the std::net server.
//!
//! Pure functions on buffers: no system calls and, once `out` has grown, no allocation. `GET <path>` is answered by
//! `<path> <FNV-1a 64 of path, 16 hex digits>` and a newline.

use std::io::Write;

/// Longest request (its head, there is no body) in bytes.
pub const REQUEST_MAX: usize = 2048;

/// Length of the first complete request in `bytes`, its empty line included; `None` if more bytes are needed.
pub fn request_length(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// Whether the client asked us to close after this request (only this exact spelling is understood).
pub fn wants_close(request: &[u8]) -> bool {
    memchr::memmem::find(request, b"\r\nConnection: close\r\n").is_some()
}

/// Puts the response to one complete `request` into `out`, replacing what it held.
pub fn answer(request: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut words = request.split(|&byte| byte == b' ');
    let (Some(_), Some(path), Some(_)) = (words.next(), words.next(), words.next()) else {
        out.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    let sum = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ");
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{}\r\n\r\n", path.len() + 18);
    out.extend_from_slice(path);
    let _ = writeln!(out, " {sum:016x}");
}
