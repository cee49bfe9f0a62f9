#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include <fmt/format.h>

#include <base/log.hpp>

#include "json_writer.hpp"
#include "webhook_retry.hpp"
#include "webhook_service.hpp"
#include "webhook_signature.hpp"

namespace sg::api {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMaxAnswerBytes = 4'096;
constexpr Millis kLongestPause = 60'000;

/// Of a failing endpoint: its other deliveries wait, too.
Millis pause_after(const WebhookOptions& options, int failures) {
    return std::min<Millis>(kLongestPause,
                            (options.first_retry.count() / 10) << std::min(failures, 7));
}

double random_part() {
    thread_local std::minstd_rand source{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(source);
}

jobs::Event dead_event(const WebhookDelivery& delivery,
                       const WebhookEndpoint& endpoint,
                       Millis now) {
    jobs::Event event;
    event.time = now;
    event.type = "webhook.dead";
    event.subject = endpoint.id;
    event.owner = endpoint.owner;
    JsonWriter data;
    data.begin_object()
        .member("webhook", endpoint.id)
        .member("delivery", delivery.id)
        .member("event", delivery.event_id)
        .member("type", delivery.type)
        .member("subject", delivery.subject)
        .member("attempts", delivery.attempts)
        .member("status", delivery.status)
        .member("reason", delivery.error)
        .end_object();
    event.data = data.take();
    return event;
}

}  // namespace

std::string notify_context(std::string_view owner) {
    return fmt::format("notify {}", owner);
}

Result<std::vector<std::string>> Webhooks::Impl::signing_secrets(
    sql::Connection& db, const WebhookEndpoint& endpoint) const {
    NotifySecret sealed{endpoint.secret, endpoint.old_secret, endpoint.old_until};
    auto context = endpoint.id;
    if (endpoint.kind == "notify") {
        context = notify_context(endpoint.owner);
        SG_TRY_ASSIGN(const auto found, find_notify_secret(db, endpoint.owner));
        if (!found) {
            return Error{Errc::kNotFound,
                         fmt::format("owner {} has no secret for notifications", endpoint.owner)};
        }
        sealed = *found;
    }
    std::vector<std::string> out;
    SG_TRY_ASSIGN(auto newest, secrets.unseal(sealed.secret, context));
    out.push_back(std::move(newest));
    if (sealed.old_until > now()) {
        SG_TRY_ASSIGN(auto older, secrets.unseal(sealed.old_secret, context));
        out.push_back(std::move(older));
    }
    return out;
}

void Webhooks::Impl::send_all(const std::stop_token& stop) {
    for (;;) {
        std::unique_lock lock(mutex_);
        handed_.wait(lock, stop, [&] { return !attempts_.empty(); });
        if (stop.stop_requested()) return;
        auto attempt = std::move(attempts_.front());
        attempts_.pop_front();
        lock.unlock();
        const auto outcome = post(attempt, stop);
        if (stop.stop_requested() && !outcome.delivered) return;
        settle(std::move(attempt), outcome);
    }
}

Webhooks::Impl::Outcome Webhooks::Impl::post(const Attempt& attempt, std::stop_token stop) const {
    const auto& delivery = attempt.delivery;
    const auto seconds = now() / 1000;
    std::string signatures;
    for (const auto& secret : attempt.signing) {
        const auto one = webhook_signature(secret, delivery.event_id, seconds, delivery.body);
        if (!one) continue;
        if (!signatures.empty()) signatures += ' ';
        signatures += *one;
    }
    protocols::HttpRequest request;
    request.url = attempt.endpoint.url;
    request.max_bytes = kMaxAnswerBytes;
    request.body = delivery.body;
    request.headers = {{"Content-Type", "application/json"},
                       {"User-Agent", "StreamGate-Webhook/1"},
                       {"webhook-id", delivery.event_id},
                       {"webhook-timestamp", std::to_string(seconds)},
                       {"webhook-signature", signatures}};
    const auto started = clock.now();
    const auto reply = client_.exchange(request, std::move(stop));
    Outcome out;
    out.took_ms = std::chrono::duration_cast<milliseconds>(clock.now() - started).count();
    if (!reply) {
        out.error = reply.error().message;
        return out;
    }
    out.status = reply->head.status;
    out.delivered = out.status >= 200 && out.status < 300;
    out.gone = out.status == 410;
    if (out.delivered) return out;
    out.error = out.status >= 300 && out.status < 400
                    ? fmt::format("it answered {}: redirects are not followed", out.status)
                    : fmt::format("it answered {}", out.status);
    if (const auto* value = protocols::find_header(reply->head.headers, "retry-after")) {
        out.retry_after = parse_retry_after(*value, now() / 1000);
    }
    return out;
}

void Webhooks::Impl::settle(Attempt attempt, const Outcome& outcome) {
    auto& delivery = attempt.delivery;
    const auto& endpoint = attempt.endpoint;
    const auto time = now();
    const auto until =
        delivery.created + std::chrono::duration_cast<milliseconds>(options.give_up).count();
    if (delivery.attempts == 0) {
        lag_.observe(static_cast<double>(time - delivery.event_time) / 1000);
    }
    ++delivery.attempts;
    delivery.status = outcome.status;
    delivery.error = outcome.error;
    delivery.took_ms = outcome.took_ms;
    delivery.state = outcome.delivered               ? "delivered"
                     : outcome.gone || time >= until ? "dead"
                                                     : "waiting";
    if (delivery.state == "waiting") {
        auto delay = retry_delay(options, delivery.attempts, random_part());
        if (outcome.retry_after) delay = std::max<milliseconds>(delay, *outcome.retry_after);
        delivery.next_at = std::min(time + delay.count(), until);
    }
    const auto status = database.write_now([&](sql::Connection& db) -> Status {
        SG_TRY(finish_attempt(db, delivery, time));
        SG_TRY(note_attempt(db, delivery, outcome.delivered, time));
        if (delivery.state != "dead") return {};
        SG_TRY(jobs::append_event(db, dead_event(delivery, endpoint, time)));
        if (!outcome.gone) return {};
        SG_TRY_ASSIGN(auto current, find_endpoint(db, endpoint.id, ""));
        current.enabled = false;
        current.disabled_reason = "its address answered 410 Gone";
        SG_TRY(update_endpoint(db, current, 0, time));
        return bury_waiting(db, endpoint.id, current.disabled_reason, time);
    });
    if (!status) log::error("webhook_not_settled reason=\"{}\"", status.error().message);
    (outcome.delivered ? delivered_ : failed_).add();
    if (delivery.state == "dead") {
        dead_.add();
        log::warn("webhook_dead webhook={} event={} type={} subject={} attempts={} reason=\"{}\"",
                  endpoint.id,
                  delivery.event_id,
                  delivery.type,
                  delivery.subject,
                  delivery.attempts,
                  delivery.error);
    }
    const std::lock_guard lock(mutex_);
    auto& lane = lanes_[delivery.endpoint];
    const bool was_failing = attempt.failing;
    lane.flying.erase(delivery.id);
    --busy_;
    if (was_failing) --busy_failing_;
    lane.failures = outcome.delivered ? 0 : lane.failures + 1;
    lane.pause_until = outcome.delivered ? 0 : time + pause_after(options, lane.failures);
    lane.look_at = status ? 0 : time + 1'000;
    if (outcome.gone) stale_ = true;
    poked_ = true;
    changed_.notify_one();
}

}  // namespace sg::api
