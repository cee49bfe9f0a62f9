#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <base/log.hpp>

#include "event_streams.hpp"

namespace sg::api {
namespace {

using server::BodyPiece;
using server::WaitOutcome;

/// What reconnecting waits, in milliseconds, and a first byte for those who wait for one.
constexpr std::string_view kHello = "retry: 2000\n: events follow\n\n";
constexpr std::string_view kHeartbeat = ":\n\n";
constexpr std::string_view kNotAllowed = ": the credentials are not valid any more\n\n";
constexpr std::string_view kStopping = ": the server stops, come back soon\n\n";

BodyPiece notice(std::string_view type, std::string_view member, std::int64_t number) {
    return BodyPiece::of(std::make_shared<const std::string>(
        fmt::format("event: {}\ndata: {{\"type\":\"{}\",\"data\":{{\"{}\":{}}}}}\n\n",
                    type,
                    type,
                    member,
                    number)));
}

std::vector<BodyPiece> one(BodyPiece piece) {
    std::vector<BodyPiece> out;
    out.push_back(std::move(piece));
    return out;
}

/// Whether the job has ended after these events; its state before is `ended`.
bool ended_after(const std::vector<std::shared_ptr<const FeedItem>>& items, bool ended) {
    for (const auto& item : items) {
        const auto& event = item->event();
        // Progress that was told late does not open a job again.
        if (!event.type.starts_with("job.") || event.seq == 0) continue;
        const auto state = jobs::job_state(std::string_view(event.type).substr(4));
        if (state) ended = jobs::ended(*state);
    }
    return ended;
}

}  // namespace

bool StreamPermit::holds() {
    const auto now = std::chrono::steady_clock::now();
    const auto pause =
        std::min<std::chrono::steady_clock::duration>(options_.heartbeat, std::chrono::seconds(1));
    if (!options_.still_allowed || now - asked_ < pause) return true;
    asked_ = now;
    return options_.still_allowed(exchange_.request());
}

server::Task<> give_way(server::Exchange& exchange) {
    co_await boost::asio::post(exchange.context().get_executor(), server::kAwait);
}

server::Task<> stream_sse(EventRoutes::Impl& impl,
                          server::Exchange& exchange,
                          EventRoutes::Impl::Asked& asked,
                          bool until_job_ends,
                          bool job_has_ended) {
    co_await exchange.write(one(BodyPiece::of_static(kHello)));
    auto& cursor = *asked.cursor;
    bool ended = job_has_ended;
    StreamPermit permit(impl.options, exchange);
    while (!exchange.lost()) {
        if (!permit.holds()) {
            co_await exchange.write(one(BodyPiece::of_static(kNotAllowed)));
            break;
        }
        auto read = cursor.next();
        if (!read) {
            log::error("event_stream_failed reason=\"{}\"", read.error().message);
            exchange.abort();
            co_return;
        }
        auto step = std::move(read).value();
        std::vector<BodyPiece> out;
        if (step.gap) out.push_back(notice("stream.gap", "after", cursor.last()));
        for (const auto& item : step.items) {
            if (asked.shown.wants(item->event())) out.push_back(FeedItem::as_sse(item));
        }
        ended = ended_after(step.items, ended);
        if (step.overrun) {
            impl.overruns.add();
            out.push_back(notice("stream.overrun", "resume_after", cursor.last()));
        }
        if (!out.empty()) co_await exchange.write(std::move(out));
        if (step.overrun || (until_job_ends && ended && cursor.live())) break;
        if (step.again) {
            co_await give_way(exchange);
            continue;
        }
        auto* list = impl.feed.join(exchange, cursor.position());
        if (list == nullptr) continue;
        const auto outcome = co_await exchange.wait(*list, impl.options.heartbeat);
        if (outcome == WaitOutcome::kClientLeft) co_return;
        if (outcome == WaitOutcome::kTimeout) {
            co_await exchange.write(one(BodyPiece::of_static(kHeartbeat)));
        } else if (outcome == WaitOutcome::kStopping) {
            co_await exchange.write(one(BodyPiece::of_static(kStopping)));
            break;
        }
    }
    co_await exchange.finish();
}

}  // namespace sg::api
