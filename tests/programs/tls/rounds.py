"""Opens COUNT TLS connections to PORT and keeps them; then sends a request over every one and reads every answer, ROUNDS
times. Each connection asks for a path of its own.

usage: rounds.py PORT COUNT ROUNDS CA
"""
import socket
import ssl
import sys

port, count, rounds, authority = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
context = ssl.create_default_context(cafile=authority)


def ask(connection, number):
    connection.sendall(f"GET /{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def answer(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or sys.exit("a connection was closed")
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536) or sys.exit("a connection was closed")
    return body.decode()


connections, first = [], []
for number in range(count):
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    connections.append(context.wrap_socket(plain, server_hostname="localhost"))
    ask(connections[-1], number)
    first.append(answer(connections[-1]))
wrong = sum(not body.startswith(f"/{number} ") for number, body in enumerate(first))
for _ in range(rounds):
    for number, connection in enumerate(connections):
        ask(connection, number)
    for number, connection in enumerate(connections):
        wrong += answer(connection) != first[number]
print(f"{count} connections, {rounds} rounds, {wrong} wrong answers")
