#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

#include <live/disk_writer.hpp>

namespace sg::live {

struct DiskWriter::Impl {
    struct Task {
        std::size_t bytes = 0;
        std::function<void()> run;
    };
    struct Lane {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<Task> tasks;
        bool busy = false;
        bool stopping = false;
        std::thread thread;
    };

    void work(Lane& lane);

    Limits limits;
    std::vector<std::unique_ptr<Lane>> lanes;
    std::atomic<std::size_t> queued{0};
    std::atomic<std::uint64_t> keys{0};
    Gauge queued_bytes;
};

void DiskWriter::Impl::work(Lane& lane) {
    std::unique_lock lock(lane.mutex);
    for (;;) {
        lane.changed.wait(lock, [&] { return !lane.tasks.empty() || lane.stopping; });
        if (lane.tasks.empty()) return;
        Task task = std::move(lane.tasks.front());
        lane.tasks.pop_front();
        lane.busy = true;
        lock.unlock();
        task.run();
        task.run = nullptr;
        queued_bytes.set(static_cast<double>(queued.fetch_sub(task.bytes) - task.bytes));
        lock.lock();
        lane.busy = false;
        if (lane.tasks.empty()) lane.changed.notify_all();
    }
}

DiskWriter::DiskWriter(const Limits& limits, Metrics& metrics) : impl_(std::make_unique<Impl>()) {
    impl_->limits = limits;
    impl_->queued_bytes = metrics.gauge("streamgate_disk_queue_bytes",
                                        "Media that waits to be written to the local disk.");
    for (std::size_t i = 0; i < limits.threads; ++i) {
        auto& lane = *impl_->lanes.emplace_back(std::make_unique<Impl::Lane>());
        lane.thread = std::thread([impl = impl_.get(), &lane] {
            ::pthread_setname_np(::pthread_self(), "disk");
            impl->work(lane);
        });
    }
}

DiskWriter::~DiskWriter() {
    stop();
}

bool DiskWriter::post(std::uint64_t key, std::size_t bytes, std::function<void()> task) {
    // Small writes always find room: state must be kept even when media has to be dropped.
    if (impl_->queued.fetch_add(bytes) + bytes > impl_->limits.queue_bytes && bytes > 0) {
        impl_->queued.fetch_sub(bytes);
        return false;
    }
    auto& lane = *impl_->lanes[key % impl_->lanes.size()];
    {
        const std::lock_guard lock(lane.mutex);
        if (lane.stopping) {
            impl_->queued.fetch_sub(bytes);
            return false;
        }
        lane.tasks.push_back({bytes, std::move(task)});
    }
    lane.changed.notify_all();
    return true;
}

std::uint64_t DiskWriter::new_key() {
    return impl_->keys.fetch_add(1);
}

std::uint64_t DiskWriter::key_of(std::string_view name) {
    return std::hash<std::string_view>()(name);
}

void DiskWriter::drain() {
    for (auto& lane : impl_->lanes) {
        std::unique_lock lock(lane->mutex);
        lane->changed.wait(lock, [&] { return lane->tasks.empty() && !lane->busy; });
    }
}

void DiskWriter::stop() {
    for (auto& lane : impl_->lanes) {
        {
            const std::lock_guard lock(lane->mutex);
            lane->stopping = true;
        }
        lane->changed.notify_all();
    }
    for (auto& lane : impl_->lanes)
        if (lane->thread.joinable()) lane->thread.join();
}

}  // namespace sg::live
