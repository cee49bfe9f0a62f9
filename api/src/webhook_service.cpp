#include "webhook_service.hpp"

#include <algorithm>
#include <limits>

#include <base/log.hpp>

#include "webhook_retry.hpp"

namespace sg::api {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestSleep{1'000};
constexpr Millis kAgainAfter = 1'000;
constexpr Millis kLongestPause = 60'000;
/// The database is being asked.
constexpr Millis kLooking = std::numeric_limits<Millis>::max();
constexpr Millis kPurgeEvery = 60'000;
constexpr std::int64_t kPurgeAtOnce = 2'000;

protocols::HttpLimits limits_of(const WebhookOptions& options) {
    protocols::HttpLimits limits;
    limits.connect = std::min<milliseconds>(options.timeout, milliseconds(5'000));
    limits.silence = options.timeout;
    limits.total = options.timeout;
    limits.redirects = 0;  // one is a failure, as the specification says
    return limits;
}

}  // namespace

Webhooks::Impl::Impl(sql::Database& store,
                     SecretBox box,
                     WebhookOptions settings,
                     const Clock& time,
                     Metrics& metrics)
    : database(store),
      secrets(std::move(box)),
      options(settings),
      clock(time),
      client_(limits_of(settings), protocols::AddressPolicy{settings.allow_private_addresses}),
      delivered_(metrics.counter("streamgate_webhook_deliveries_total",
                                 "Attempts to deliver an event, by what came of them.",
                                 {{"outcome", "delivered"}})),
      failed_(metrics.counter("streamgate_webhook_deliveries_total",
                              "Attempts to deliver an event, by what came of them.",
                              {{"outcome", "failed"}})),
      dead_(metrics.counter("streamgate_webhook_dead_total",
                            "Events that were given up after all attempts.")),
      waiting_(metrics.gauge("streamgate_webhook_waiting",
                             "Events that are due or wait for their next attempt.")),
      lag_(metrics.histogram("streamgate_webhook_delay_seconds",
                             "From an event to its first attempt's answer.",
                             {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60})) {}

Webhooks::Impl::~Impl() {
    subscription_ = {};
    dispatcher_.request_stop();
    for (auto& sender : senders_) sender.request_stop();
    dispatcher_ = {};
    senders_.clear();
}

Millis Webhooks::Impl::now() const {
    return std::chrono::duration_cast<milliseconds>(clock.wall().time_since_epoch()).count();
}

Status Webhooks::Impl::start(jobs::EventHub& hub) {
    SG_TRY(find_cursor());
    if (auto reader = database.read()) {
        if (const auto endpoints = endpoints_with_work(**reader)) {
            for (const auto& endpoint : *endpoints) lanes_[endpoint];
        }
    }
    subscription_ = hub.subscribe([this](const jobs::EventHub::Batch& batch) {
        const bool durable = std::any_of(
            batch.begin(), batch.end(), [](const auto& event) { return event->seq > 0; });
        if (!durable) return;
        const std::lock_guard lock(mutex_);
        told_ = true;
        changed_.notify_one();
    });
    dispatcher_ = std::jthread([this](const std::stop_token& stop) { dispatch(stop); });
    for (std::size_t i = 0; i < options.threads; ++i) {
        senders_.emplace_back([this](const std::stop_token& stop) { send_all(stop); });
    }
    return {};
}

void Webhooks::Impl::reload() {
    const std::lock_guard lock(mutex_);
    stale_ = true;
    changed_.notify_one();
}

void Webhooks::Impl::poke(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    lanes_[endpoint].look_at = 0;
    poked_ = true;
    changed_.notify_one();
}

void Webhooks::Impl::dispatch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    Millis again_at = 0;  // after an error
    while (!stop.stop_requested()) {
        poked_ = false;
        const bool stale = std::exchange(stale_, false);
        if (std::exchange(told_, false) || (again_at != 0 && now() >= again_at) || stale) {
            lock.unlock();
            if (stale) load_endpoints();
            const auto more = fan_out();
            again_at = more ? 0 : now() + kAgainAfter;
            if (!more) log::warn("webhook_fan_out_failed reason=\"{}\"", more.error().message);
            lock.lock();
            if (more && *more) told_ = true;
        }
        if (now() >= purge_at_) {
            lock.unlock();
            purge();
            lock.lock();
        }
        const auto wake = give_out_all(lock);
        changed_.wait_for(lock, stop, milliseconds(std::max<Millis>(1, wake - now())), [&] {
            return told_ || stale_ || poked_;
        });
    }
}

Millis Webhooks::Impl::give_out_all(std::unique_lock<std::mutex>& lock) {
    // Only this thread takes lanes away, so they stand while the lock is open.
    for (auto& [endpoint, lane] : lanes_) give_out(endpoint, lane, lock);
    auto wake = now() + kLongestSleep.count();
    for (auto lane = lanes_.begin(); lane != lanes_.end();) {
        if (lane->second.look_at < 0) {
            lane = lane->second.flying.empty() ? lanes_.erase(lane) : std::next(lane);
            continue;
        }
        const auto at = std::max(lane->second.look_at, lane->second.pause_until);
        if (at > now()) wake = std::min(wake, at);
        ++lane;
    }
    return wake;
}

void Webhooks::Impl::give_out(const std::string& id,
                              Lane& lane,
                              std::unique_lock<std::mutex>& lock) {
    const auto time = now();
    if (lane.look_at < 0 || lane.look_at > time || lane.pause_until > time) return;
    const bool failing = lane.failures > 0;
    const auto most = failing ? std::size_t{1} : options.per_endpoint;
    const auto half = std::max<std::size_t>(1, options.threads / 2);
    if (lane.flying.size() >= most || busy_ >= options.threads ||
        (failing && busy_failing_ >= half)) {
        return;  // looked at again when an attempt has been settled
    }
    // What was on its way before the database was read may have arrived since.
    const auto flying = lane.flying;
    lane.look_at = kLooking;
    lock.unlock();
    auto found = look(id, time, static_cast<std::int64_t>(most));
    lock.lock();
    for (auto& attempt : found.attempts) {
        if (lane.flying.size() >= most || busy_ >= options.threads) {
            found.look_at = 0;
            break;
        }
        const auto& delivery = attempt.delivery.id;
        if (flying.contains(delivery) || !lane.flying.insert(delivery).second) continue;
        attempt.failing = failing;
        ++busy_;
        if (failing) ++busy_failing_;
        attempts_.push_back(std::move(attempt));
        handed_.notify_one();
    }
    // Unless somebody wants a look meanwhile.
    if (lane.look_at == kLooking) lane.look_at = found.look_at;
}

Webhooks::Impl::Look Webhooks::Impl::look(const std::string& id,
                                          Millis time,
                                          std::int64_t most) const {
    Look out;
    out.look_at = time + kAgainAfter;
    auto reader = database.read();
    if (!reader) return out;
    auto& db = **reader;
    const auto endpoint = find_endpoint(db, id, "");
    if (!endpoint || !endpoint->enabled) {
        out.look_at = -1;
        return out;
    }
    const auto signing = signing_secrets(db, *endpoint);
    if (!signing) {
        log::error(
            "webhook_secret_unreadable webhook={} reason=\"{}\"", id, signing.error().message);
        out.look_at = time + kLongestPause;
        return out;
    }
    auto due = due_deliveries(db, id, time, most);
    if (!due) return out;
    for (auto& delivery : *due) {
        out.attempts.push_back({std::move(delivery), *endpoint, *signing, false});
    }
    if (static_cast<std::int64_t>(due->size()) == most) {
        out.look_at = 0;
        return out;
    }
    const auto next = next_due(db, id, time);
    if (next) out.look_at = *next == 0 ? -1 : *next;
    return out;
}

void Webhooks::Impl::purge() {
    purge_at_ = now() + kPurgeEvery;
    const auto hours = [](std::chrono::hours span) {
        return std::chrono::duration_cast<milliseconds>(span).count();
    };
    std::int64_t gone = 0;
    const auto status = database.write_now([&](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(gone,
                      purge_deliveries(db,
                                       now() - hours(options.keep_delivered),
                                       now() - hours(options.keep_dead),
                                       kPurgeAtOnce));
        return {};
    });
    if (!status) log::warn("webhook_purge_failed reason=\"{}\"", status.error().message);
    if (gone >= kPurgeAtOnce) purge_at_ = now();
    if (auto reader = database.read()) {
        if (const auto waiting = count_deliveries(**reader, "waiting")) {
            waiting_.set(static_cast<double>(*waiting));
        }
    }
}

Webhooks::Webhooks(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Webhooks::~Webhooks() = default;

Result<std::unique_ptr<Webhooks>> Webhooks::start(sql::Database& database,
                                                  jobs::EventHub& hub,
                                                  SecretBox secrets,
                                                  WebhookOptions options,
                                                  const Clock& clock,
                                                  Metrics& metrics) {
    if (options.threads == 0 || options.per_endpoint == 0) {
        return Error{Errc::kInvalidArgument, "start webhooks: they need at least one thread"};
    }
    auto impl = std::make_unique<Impl>(database, std::move(secrets), options, clock, metrics);
    SG_TRY(impl->start(hub));
    return std::unique_ptr<Webhooks>(new Webhooks(std::move(impl)));
}

void Webhooks::add_to(ApiRouter& router) {
    impl_->add_routes(router);
}

}  // namespace sg::api
