#!/bin/sh
# prepare.sh DIR PORT BACKEND: a certificate authority, a server's key and certificate for it, and stunnel's configuration:
# TLS at PORT, in front of the plain server at BACKEND. DIR/name is a name of this machine that is not "localhost", for
# clients that look names up (curl answers that one itself).
set -eu
dir=$1 port=$2 backend=$3
name=$(hostname)
address=$(getent ahostsv4 "$name" | awk '{ print $1; exit }')
[ -n "$address" ] || { echo "the name of this machine, $name, has no address: add it to /etc/hosts" >&2; exit 1; }
echo "$name" > "$dir/name"
cd "$dir"
{
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=Lichen test"
    openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj "/CN=localhost"
    printf 'subjectAltName=DNS:localhost,DNS:%s,IP:127.0.0.1' "$name" > names
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
} > openssl.log 2>&1 || { cat openssl.log >&2; exit 1; }
cat server.key server.pem > both.pem
cat > stunnel.conf <<END
foreground = yes
pid =
debug = warning
output = $dir/stunnel.log
cert = $dir/both.pem
[web]
accept = 127.0.0.1:$port
connect = 127.0.0.1:$backend
END
[ "$address" = 127.0.0.1 ] || printf '[name]\naccept = %s:%s\nconnect = 127.0.0.1:%s\n' "$address" "$port" "$backend" >> stunnel.conf
