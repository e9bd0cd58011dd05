# Threads, queues, condition variables, traps, time-outs, processes and pipes in Ruby.
require 'timeout'
$stdout.sync = true

queue, done = Queue.new, Queue.new
workers = 20.times.map { Thread.new { while (item = queue.pop); done << item * 2; end } }
500.times { |i| queue << i }
workers.each { queue << nil }
workers.each(&:join)
puts "sum #{500.times.sum { done.pop }}"

lock, changed, turn = Mutex.new, ConditionVariable.new, 0
players = 4.times.map do |me|
  Thread.new do
    50.times do
      lock.synchronize do
        changed.wait(lock) until turn == me
        turn = (me + 1) % 4
        changed.broadcast
      end
    end
  end
end
players.each(&:join)
puts "turn #{turn}"

# A thread that computes does not hold up the others.
spinning = Thread.new { 0 while true }
sleep 0.05
spinning.kill.join
puts "spin over"

seen = Queue.new
trap('USR1') { seen << :usr1 }
5.times { Process.kill('USR1', Process.pid); seen.pop }
puts 'five signals'

child = fork { trap('TERM') { exit!(9) }; loop { sleep 1 } }
sleep 0.1
Process.kill('TERM', child)
puts "child #{Process.wait2(child)[1].exitstatus}"

begin
  Timeout.timeout(0.1) { IO.pipe[0].read }
rescue Timeout::Error
  puts 'timed out'
end

puts "shell #{`echo from a shell`.strip} #{system('exit 4').inspect} #{$?.exitstatus}"
readers = 10.times.map { |i| Thread.new { IO.popen(['echo', i.to_s]) { |io| io.read.to_i } } }
puts "read #{readers.sum(&:value)}"
begin
  Process.kill('INT', Process.pid)
  sleep 60
rescue Interrupt
  puts 'interrupted'
end
trap('TERM', 'DEFAULT')
Process.kill('TERM', Process.pid)
sleep 60
