#!/bin/sh
# serve.sh DIR: stunnel (a thread per connection) as prepare.sh configured it, in the foreground.
exec stunnel4 "$1/stunnel.conf"
