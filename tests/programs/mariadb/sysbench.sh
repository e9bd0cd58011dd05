#!/bin/sh
# sysbench.sh PORT SCRIPT THREADS [OPTION...] COMMAND: sysbench on the server that listens at PORT. SCRIPT is one of
# sysbench's own (oltp_point_select, ...) or a Lua file of this folder.
set -eu
port=$1 script=$2 threads=$3
shift 3
[ ! -f "$(dirname "$0")/$script" ] || script=$(dirname "$0")/$script
exec sysbench "$script" --db-driver=mysql --mysql-host=127.0.0.1 --mysql-port="$port" --mysql-user=sbtest \
    --mysql-password=sbtest --threads="$threads" "$@"
