# Runs one program that must not outlive its owner, however the owner ends.
# stdin   a pipe that the owner holds: its end means the owner is gone or has let go, and the program is killed.
# stdout  held open until the program is dead and reaped: tells the last of them from outside (see remove.sh).
# stderr  takes the program's pid, one line.
# $1      the log file; then the program and its arguments.
log=$1
shift
exec 3<&0 4>&2 </dev/null 2>>"$log"
"$@" 3<&- 4>&- >>"$log" 2>&1 &
program=$!
echo "$program" >&4
exec 4>&-
{
  read -r _ <&3
  kill -9 "$program"
} &
watcher=$!
exec 3<&-
wait "$program"
status=$?
kill -9 "$watcher" 2>/dev/null
exit "$status"
