#!/bin/sh
# prepare.sh DIR PORT: a site and a configuration of the worker MPM in DIR; no file of /etc/apache2 is read. Processes of
# 400 threads, one to begin with and up to four.
set -eu
dir=$1 port=$2
mkdir "$dir/site"
echo "a small page" > "$dir/site/page.txt"
chmod -R a+rX "$dir"
modules=/usr/lib/apache2/modules
cat > "$dir/httpd.conf" <<END
ServerRoot $dir
ServerName localhost
PidFile $dir/pid
DefaultRuntimeDir $dir
Mutex file:$dir default
Listen 127.0.0.1:$port
ListenBacklog 2048
LoadModule mpm_worker_module $modules/mod_mpm_worker.so
LoadModule authz_core_module $modules/mod_authz_core.so
User www-data
Group www-data
DocumentRoot $dir/site
ErrorLog $dir/error.log
LogFormat "%r %>s %B" plain
CustomLog $dir/access.log plain
StartServers 1
ServerLimit 8
ThreadLimit 400
ThreadsPerChild 400
MaxRequestWorkers 1600
MinSpareThreads 25
MaxSpareThreads 1600
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 30
END
