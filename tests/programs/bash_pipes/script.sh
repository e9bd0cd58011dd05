#!/usr/bin/env bash
# Pipes, subshells, process substitution, here-documents, traps, background jobs: what build scripts are made of.
set -u

seq 1 2000 | grep -v 7 | awk '{ sum += $1 } END { print "sum", sum }'
(cd / && echo "in $(pwd)"; exit 3)
echo "status $?"
for i in 1 2 3 4 5; do (sleep 0.0$i; echo "job $i" >/dev/null; exit "$i") & jobs[$i]=$!; done
for i in 1 2 3 4 5; do wait "${jobs[$i]}"; echo "job $i ended with $?"; done
diff <(printf 'a\nb\n') <(printf 'a\nc\n') || echo "differ"
cat <<END | tr a-z A-Z
here document
END
trap 'echo "trapped"' USR1
kill -USR1 $$
yes | head -n 100000 | wc -l
echo "yes ended with ${PIPESTATUS[0]}"
yes | head -n 1 >/dev/null
echo "yes ended with ${PIPESTATUS[0]}"
coproc { while read -r line; do echo "got $line"; done; }
copy=$COPROC_PID
echo "word" >&"${COPROC[1]}"
read -r answer <&"${COPROC[0]}"
echo "$answer"
eval "exec ${COPROC[1]}>&-"
wait "$copy"
exec 9< <(echo from nine)
cat <&9
python3 - <<'END'
import threading
total = []
threads = [threading.Thread(target=lambda n=n: total.append(n)) for n in range(50)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("threads in a child", sum(total))
END
exit 5
