#include <utility>

#include <fmt/format.h>
#include <jobs/job_table.hpp>

#include <base/ids.hpp>
#include <base/log.hpp>
#include <engine/job.hpp>

#include "webhook_service.hpp"
#include "webhook_signature.hpp"

namespace sg::api {
namespace {

constexpr std::int64_t kPage = 500;
constexpr std::int64_t kMaxEndpoints = 100'000;
/// Without deliveries the cursor is written so seldom: what is read again changes nothing.
constexpr std::int64_t kCursorStep = 2'000;

bool ends_a_job(std::string_view type) {
    return type == "job.succeeded" || type == "job.failed" || type == "job.cancelled";
}

std::string links_of(const jobs::Event& event) {
    if (event.subject.starts_with("job_")) {
        return fmt::format(R"({{"job":"/v1/jobs/{0}","events":"/v1/jobs/{0}/events","outputs":)"
                           R"("/v1/jobs/{0}/outputs"}})",
                           event.subject);
    }
    if (event.subject.starts_with("upl_")) {
        return fmt::format(R"({{"upload":"/v1/uploads/{}"}})", event.subject);
    }
    if (event.subject.starts_with("whk_")) {
        return fmt::format(R"({{"webhook":"/v1/webhooks/{}"}})", event.subject);
    }
    return "{}";
}

}  // namespace

std::string webhook_body(const jobs::Event& event) {
    auto text = event.to_json();
    text.pop_back();
    return text.append(",\"links\":").append(links_of(event)).append("}");
}

WebhookDelivery delivery_of(const jobs::Event& event, const std::string& endpoint, Millis now) {
    WebhookDelivery out;
    out.id = make_id("dlv", SystemClock());
    out.endpoint = endpoint;
    out.seq = event.seq;
    out.event_id = event.id;
    out.event_time = event.time;
    out.type = event.type;
    out.subject = event.subject;
    out.body = webhook_body(event);
    out.created = now;
    out.next_at = now;
    return out;
}

jobs::Event test_event(const WebhookEndpoint& endpoint, Millis now) {
    jobs::Event event;
    event.id = make_id("evt", SystemClock());
    event.time = now;
    event.type = "webhook.test";
    event.subject = endpoint.id;
    event.owner = endpoint.owner;
    return event;
}

void Webhooks::Impl::load_endpoints() {
    auto reader = database.read();
    if (!reader) {
        log::warn("webhooks_not_loaded reason=\"{}\"", reader.error().message);
        return;
    }
    const auto endpoints = list_endpoints(**reader, "", "endpoint", kMaxEndpoints);
    if (!endpoints) {
        log::warn("webhooks_not_loaded reason=\"{}\"", endpoints.error().message);
        return;
    }
    targets_.clear();
    for (const auto& endpoint : *endpoints) {
        auto filter = EventFilter::make(endpoint.types, {});
        if (!endpoint.enabled || !filter) continue;
        targets_.push_back({endpoint.id,
                            endpoint.owner,
                            endpoint.all_owners,
                            endpoint.from_seq,
                            std::move(*filter)});
    }
}

Result<std::vector<std::pair<std::string, std::string>>> Webhooks::Impl::notify_addresses(
    sql::Connection& db, const jobs::Event& event) const {
    std::vector<std::pair<std::string, std::string>> out;
    if (!ends_a_job(event.type)) return out;
    const auto job = jobs::find_job(db, event.subject, "");
    if (!job) {
        if (job.error().code == Errc::kNotFound) return out;
        return job.error();
    }
    if (job->document.find("\"notify\"") == std::string::npos) return out;
    std::vector<engine::JobFault> faults;
    const auto document = engine::read_job(job->document, engine::JobSyntax::kJson, faults);
    if (!document) return out;
    for (const auto& url : document->notify) out.emplace_back(job->owner, url);
    return out;
}

Status Webhooks::Impl::find_cursor() {
    {
        SG_TRY_ASSIGN(const auto reader, database.read());
        SG_TRY_ASSIGN(cursor_, webhook_cursor(*reader));
    }
    if (cursor_ < 0) {
        // The first start: what happened before is nobody's, what happens from now on is not lost.
        SG_TRY(database.write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(cursor_, jobs::last_event(db));
            return set_webhook_cursor(db, cursor_);
        }));
    }
    stored_cursor_ = cursor_;
    return {};
}

/// Gives whether there may be more.
Result<bool> Webhooks::Impl::fan_out() {
    struct Made {
        WebhookDelivery delivery;
        std::string owner;  ///< of a notify address
        std::string url;
    };
    std::vector<Made> made;
    auto last = cursor_;
    bool more = false;
    {
        SG_TRY_ASSIGN(const auto reader, database.read());
        SG_TRY_ASSIGN(const auto events, jobs::events_after(*reader, cursor_, "", kPage));
        more = static_cast<std::int64_t>(events.size()) == kPage;
        for (const auto& event : events) {
            last = event.seq;
            for (const auto& target : targets_) {
                if (event.seq <= target.from_seq || event.subject == target.id) continue;
                if (!target.all_owners && event.owner != target.owner) continue;
                if (!target.filter.wants(event)) continue;
                made.push_back({delivery_of(event, target.id, now()), "", ""});
            }
            SG_TRY_ASSIGN(const auto addresses, notify_addresses(*reader, event));
            for (const auto& [owner, url] : addresses) {
                made.push_back({delivery_of(event, "", now()), owner, url});
            }
        }
    }
    if (last == cursor_) return false;
    if (made.empty() && last - stored_cursor_ < kCursorStep) {
        cursor_ = last;
        return more;
    }
    std::set<std::string> touched;
    const auto status = database.write_now([&](sql::Connection& db) -> Status {
        touched.clear();
        for (const auto& one : made) {
            auto delivery = one.delivery;
            if (delivery.endpoint.empty()) {
                SG_TRY_ASSIGN(delivery.endpoint, notify_endpoint(db, one.owner, one.url, now()));
                SG_TRY_ASSIGN(const auto secret, find_notify_secret(db, one.owner));
                if (!secret) {
                    const auto sealed =
                        secrets.seal(make_webhook_secret(), notify_context(one.owner));
                    SG_TRY(set_notify_secret(db, one.owner, {sealed, "", 0}));
                }
            } else {
                // It may have been deleted or switched off since.
                const auto still = find_endpoint(db, delivery.endpoint, "");
                if (!still && still.error().code != Errc::kNotFound) return still.error();
                if (!still || !still->enabled) continue;
            }
            touched.insert(delivery.endpoint);
            SG_TRY(add_delivery(db, std::move(delivery)));
        }
        return set_webhook_cursor(db, last);
    });
    if (!status) return status.error();
    cursor_ = last;
    stored_cursor_ = last;
    for (const auto& endpoint : touched) poke(endpoint);
    return more;
}

}  // namespace sg::api
