"""Sends COUNT requests for PATH at once, one per connection, and reads the answers as they come. Prints how many were
right and how many were not, and on stderr the seconds from the first request to the last answer.

usage: many.py PORT COUNT PATH BODY
"""
import selectors
import socket
import sys
import time

port, count, path, body = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4].encode() + b"\n"
begun = time.monotonic()
waiting = selectors.DefaultSelector()
for _ in range(count):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    waiting.register(connection, selectors.EVENT_READ, bytearray())
right = 0
while waiting.get_map():
    for key, _ in waiting.select(30) or sys.exit(f"{right} right, then no answer for 30 s"):
        try:
            got = key.fileobj.recv(65536)
        except ConnectionError:
            got = b""
        key.data.extend(got)
        if not got:
            waiting.unregister(key.fileobj)
            key.fileobj.close()
            right += key.data.startswith(b"HTTP/1.1 200 ") and key.data.endswith(body)
print(f"{right} right, {count - right} wrong")
print(f"{time.monotonic() - begun:.3f} s", file=sys.stderr)
