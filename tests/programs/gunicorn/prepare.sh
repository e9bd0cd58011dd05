#!/bin/sh
# prepare.sh DIR PORT: remembers the port.
echo "$2" > "$1/port"
