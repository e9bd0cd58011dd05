/* C++: exceptions cross waiting calls, a cancelled thread unwinds through its destructors, futures hand values and
 * exceptions over, thread_local objects are destroyed, and function-local statics are made once.
 */
#include "check.h"
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int pipe_ends[2];
static std::atomic<int> unwound{0}, locals{0}, statics{0}, waiting{0};

struct Scope {
    ~Scope() { unwound++; }
};
struct Local {
    int value = 1;
    ~Local() { locals++; }
};
static thread_local Local local;

struct Slow {
    Slow()
    {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        statics++;
    }
};

static void *cancelled(void *)
{
    Scope scope;
    char byte;
    waiting = 1;
    ssize_t got = read(pipe_ends[0], &byte, 1);
    return reinterpret_cast<void *>(got);
}

static void read_then_throw(int value)
{
    Scope scope;
    char byte;
    if (read(pipe_ends[0], &byte, 1) == 1 && byte == 'x')
        throw std::runtime_error("value " + std::to_string(value));
}

int main()
{
    CHECK_EQ(pipe(pipe_ends), 0);
    std::vector<std::thread> threads;
    std::atomic<int> caught{0};
    for (int i = 0; i < 10; i++)
        threads.emplace_back([&caught, i] {
            static Slow once;
            local.value = i;
            try {
                read_then_throw(i);
            } catch (const std::runtime_error &error) {
                caught += error.what() == "value " + std::to_string(i);
            }
        });
    for (int i = 0; i < 10; i++)
        CHECK_EQ(write(pipe_ends[1], "x", 1), 1);
    for (auto &thread : threads)
        thread.join();

    auto answer = std::async(std::launch::async, [] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return 42;
    });
    auto failure = std::async(std::launch::async, []() -> int { throw std::logic_error("no"); });
    std::promise<std::string> promise;
    std::thread giver([&promise] { promise.set_value("given"); });
    std::string given = promise.get_future().get();
    giver.join();
    bool failed = false;
    try {
        failure.get();
    } catch (const std::logic_error &) {
        failed = true;
    }

    int before = unwound;
    pthread_t victim = start(cancelled, nullptr);
    while (!waiting)
        sleep_ms(1);
    sleep_ms(5);
    CHECK_EQ(pthread_cancel(victim), 0);
    CHECK(join(victim) == PTHREAD_CANCELED);
    CHECK_EQ(unwound, before + 1);

    std::mutex mutex;
    std::condition_variable changed;
    std::unique_lock<std::mutex> guard(mutex);
    bool late = changed.wait_for(guard, std::chrono::milliseconds(10)) == std::cv_status::timeout;
    printf("caught %d, answer %d, failed %d, given %s, locals %d, statics %d, late %d\n", caught.load(), answer.get(),
           failed, given.c_str(), locals.load(), statics.load(), late);
    return 0;
}
