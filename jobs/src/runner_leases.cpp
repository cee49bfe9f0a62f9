#include "runner_leases.hpp"

#include <memory>
#include <utility>
#include <vector>

#include <base/log.hpp>

#include "wall_time.hpp"

namespace sg::jobs {

LeaseKeeper::LeaseKeeper(sql::Database& database,
                         const Clock& clock,
                         std::chrono::milliseconds lease,
                         Renewed renewed)
    : database_(database),
      clock_(clock),
      lease_(lease),
      renewed_(std::move(renewed)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

LeaseKeeper::~LeaseKeeper() {
    thread_.request_stop();
    thread_.join();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return under_way_ == 0; });
}

void LeaseKeeper::add(const Lease& lease) {
    const std::scoped_lock lock(mutex_);
    leases_[lease.job] = lease;
}

void LeaseKeeper::remove(const std::string& job) {
    const std::scoped_lock lock(mutex_);
    leases_.erase(job);
}

void LeaseKeeper::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::unique_lock lock(mutex_);
        // A slow disk must not pile up renewals.
        static_cast<void>(changed_.wait_for(lock, stop, lease_ / 4, [] { return false; }));
        if (stop.stop_requested()) return;
        if (under_way_ > 0) continue;
        ++under_way_;
        lock.unlock();
        renew();
    }
}

void LeaseKeeper::renew() {
    std::vector<Lease> leases;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [job, lease] : leases_) leases.push_back(lease);
    }
    const auto now = millis_of(clock_);
    const auto renewal = std::make_shared<Renewal>();
    database_.write(
        [leases = std::move(leases), renewal, now, until = now + lease_.count()](
            sql::Connection& db) -> Status {
            if (!leases.empty()) {
                SG_TRY_ASSIGN(*renewal, renew_leases(db, leases, until));
            }
            SG_TRY_ASSIGN(const auto expired, expire_leases(db, now, {}));
            for (const auto& job : expired) log::warn("lease_expired job={}", job);
            return {};
        },
        [this, renewal](Status status) {
            if (!status) {
                log::error("lease_renewal_failed error=\"{}\"", status.error().message);
                *renewal = {};
            }
            renewed_(*renewal);
            const std::scoped_lock lock(mutex_);
            --under_way_;
            changed_.notify_all();
        });
}

}  // namespace sg::jobs
