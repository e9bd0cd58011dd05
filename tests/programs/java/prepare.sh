#!/bin/sh
# prepare.sh DIR PORT: the server's class, compiled into DIR.
set -eu
echo "$2" > "$1/port"
javac -d "$1" "$(dirname "$0")/Server.java"
