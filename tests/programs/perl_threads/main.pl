# Threads, queues, alarms, signals between processes and threads, fork and wait in perl.
use strict;
use warnings;
use threads;
use threads::shared;
use Thread::Queue;
use Time::HiRes qw(sleep alarm);
use POSIX qw(:signal_h :sys_wait_h);

$| = 1;
my $queue = Thread::Queue->new;
my $sum : shared = 0;
my @workers = map {
    threads->create(sub {
        while (defined(my $item = $queue->dequeue)) {
            lock($sum);
            $sum += $item;
        }
        return threads->tid > 0;
    })
} 1 .. 10;
$queue->enqueue($_) for 1 .. 2000;
$queue->end;
my $ended = grep { $_->join } @workers;
print "sum $sum by $ended threads\n";

# A signal of the process interrupts the first thread's sleep.
my $alarms = 0;
$SIG{ALRM} = sub { $alarms++ };
for (1 .. 5) {
    alarm 0.02;
    select(undef, undef, undef, 30);
}
print "alarms $alarms\n";

my $usr = 0;
$SIG{USR1} = sub { $usr++ };
my $child = fork;
if ($child == 0) {
    kill 'USR1', getppid;
    exit 7;
}
waitpid $child, 0;
print "child status ", $? >> 8, ", signals $usr\n";

# A thread that is ended by another while the first one times out.
my $sleeper = threads->create(sub {
    local $SIG{KILL} = sub { threads->exit };
    sleep 0.01 while 1;
});
my $died = eval {
    local $SIG{ALRM} = sub { die "time-out\n" };
    alarm 0.05;
    my $line = <STDIN_PIPE> if open(STDIN_PIPE, '-|', 'sleep 1');
    1;
} ? '' : $@;
print "ended by $died";
$sleeper->kill('KILL')->join;

my @children = map { my $n = $_; my $pid = fork; exit $n unless $pid; $pid } 1 .. 20;
my %status;
while ((my $pid = wait) > 0) { $status{$pid} = $? >> 8 if grep { $_ == $pid } @children }
print "children ", join(' ', map { $status{$_} } @children), "\n";
