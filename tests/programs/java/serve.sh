#!/bin/sh
# serve.sh DIR: the server with the virtual machine's default flags.
exec java -cp "$1" Server "$(cat "$1/port")"
