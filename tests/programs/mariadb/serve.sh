#!/bin/sh
# serve.sh DIR: the server on the data folder that prepare.sh made, in the foreground, with default settings but for those
# of the configuration. Ends cleanly by SIGTERM.
PATH=$PATH:/usr/sbin
exec mariadbd --defaults-file="$1/my.cnf"
