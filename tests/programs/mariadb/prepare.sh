#!/bin/sh
# prepare.sh DIR PORT: a new data folder in DIR, and the configuration that serve.sh starts with. Nothing outside DIR is
# read or written, so that it disturbs no server of the machine.
set -eu
dir=$1 port=$2
PATH=$PATH:/usr/sbin
user=$(id -un)
# As root the server insists on becoming somebody else.
if [ "$user" = root ]; then
    user=nobody
    chown nobody "$dir"
fi
cat > "$dir/my.cnf" <<END
[mysqld]
user = $user
datadir = $dir/data
socket = $dir/socket
pid-file = $dir/pid
bind-address = 127.0.0.1
port = $port
init-file = $dir/users.sql
thread-handling = one-thread-per-connection
max-connections = 1200
back-log = 1100
max-prepared-stmt-count = 100000
END
cat > "$dir/users.sql" <<END
CREATE DATABASE IF NOT EXISTS sbtest;
CREATE USER IF NOT EXISTS sbtest@localhost IDENTIFIED BY 'sbtest';
GRANT ALL ON *.* TO sbtest@localhost;
END
mariadb-install-db --no-defaults --user="$user" --datadir="$dir/data" --skip-test-db > "$dir/install.log" 2>&1 ||
    { cat "$dir/install.log" >&2; exit 1; }
