#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/log.hpp>

#include "event_streams.hpp"
#include "websocket_frames.hpp"

namespace sg::api {
namespace {

using nlohmann::json;
using server::BodyPiece;
using server::WaitOutcome;
using std::chrono::steady_clock;

constexpr std::size_t kMaxMessageBytes = 16'384;
/// Messages and pings of a client in a second; more is abuse.
constexpr int kMaxMessagesPerSecond = 100;

std::vector<std::string> strings_of(const json& document, const char* name) {
    const auto found = document.find(name);
    return found == document.end() ? std::vector<std::string>()
                                   : found->get<std::vector<std::string>>();
}

/// {"type":"subscribe", "types":[...], "subjects":[...], "after":N}
struct Subscription {
    EventFilter filter;
    std::optional<std::int64_t> after;
};

Result<Subscription> parse_subscription(const std::string& text) {
    constexpr std::string_view kForm =
        "a message is {\"type\":\"subscribe\",\"types\":[...],\"subjects\":[...],\"after\":N}";
    const Error refused{Errc::kInvalidArgument, std::string(kForm)};
    try {
        const auto document = json::parse(text, nullptr, false);
        if (!document.is_object() || document.value("type", "") != "subscribe") return refused;
        for (const auto& [name, unused] : document.items()) {
            if (name != "type" && name != "types" && name != "subjects" && name != "after") {
                return refused;
            }
        }
        SG_TRY_ASSIGN(
            auto filter,
            EventFilter::make(strings_of(document, "types"), strings_of(document, "subjects")));
        Subscription out{std::move(filter), std::nullopt};
        if (const auto after = document.find("after"); after != document.end()) {
            if (!after->is_number_unsigned()) return refused;
            out.after = event_number(after->dump());
            if (!out.after) return refused;
        }
        return out;
    } catch (const json::exception&) {
        return refused;
    }
}

/// One client. Lives in its request's coroutine.
class Session {
  public:
    Session(EventRoutes::Impl& impl, server::Exchange& exchange, EventCursor& cursor)
        : impl_(impl),
          exchange_(exchange),
          cursor_(cursor),
          permit_(impl.options, exchange),
          reader_(kMaxMessageBytes) {}

    server::Task<> run() {
        while (!exchange_.lost() && !closed_) {
            if (!permit_.holds()) {
                close(kClosePolicy, "the credentials are not valid any more");
                break;
            }
            take_incoming();
            take_events();
            if (!out_.empty()) {
                auto pieces = std::exchange(out_, {});
                co_await exchange_.write(std::move(pieces));
                if (closed_) break;
            }
            if (again_) {
                co_await give_way(exchange_);
                continue;
            }
            auto* list = impl_.feed.join(exchange_, cursor_.position());
            if (list == nullptr) continue;
            const auto outcome = co_await exchange_.wait(*list, impl_.options.heartbeat);
            after_wait(outcome);
        }
        if (!out_.empty() && !exchange_.lost()) {
            auto pieces = std::exchange(out_, {});
            co_await exchange_.write(std::move(pieces));
        }
    }

  private:
    void say(std::string frame) {
        out_.push_back(BodyPiece::of(std::make_shared<const std::string>(std::move(frame))));
    }
    void close(std::uint16_t code, std::string_view reason) {
        if (!closed_) say(websocket_close(code, reason));
        closed_ = true;
    }

    void take_incoming() {
        // One run of bytes a turn: whoever floods us cannot keep the context.
        const auto bytes = exchange_.received();
        again_ = !bytes.empty();
        if (!bytes.empty()) {
            silent_ = 0;
            reader_.push(bytes);
        }
        while (!closed_) {
            auto next = reader_.next();
            if (std::holds_alternative<std::monostate>(next)) return;
            if (const auto* fault = std::get_if<WebSocketFault>(&next)) {
                close(fault->code, fault->reason);
                return;
            }
            take(std::get<WebSocketMessage>(std::move(next)));
        }
    }

    void take(WebSocketMessage message) {
        const auto now = steady_clock::now();
        if (now - second_ >= std::chrono::seconds(1)) {
            second_ = now;
            messages_ = 0;
        }
        if (++messages_ > kMaxMessagesPerSecond) {
            close(kClosePolicy, "too many messages");
            return;
        }
        switch (message.kind) {
            case WebSocketOpcode::kPing:
                say(websocket_frame(WebSocketOpcode::kPong, message.payload));
                return;
            case WebSocketOpcode::kPong:
                return;
            case WebSocketOpcode::kClose:
                // RFC 6455 §5.5.1: echoed; 1005 only says that there was no code.
                close(message.close_code == 1005 ? kCloseNormal : message.close_code, "");
                return;
            case WebSocketOpcode::kText:
                subscribe(message.payload);
                return;
            case WebSocketOpcode::kBinary:
            case WebSocketOpcode::kContinuation:
                close(kCloseUnsupported, "only text messages are understood");
                return;
        }
    }

    void subscribe(const std::string& text) {
        auto asked = parse_subscription(text);
        if (!asked) {
            close(kClosePolicy, asked.error().message);
            return;
        }
        const auto from = asked->after.value_or(cursor_.last());
        const auto status = cursor_.from(from, std::move(asked->filter));
        if (!status) {
            close(kCloseTryLater, "the event log cannot be read now");
            return;
        }
        say(websocket_frame(WebSocketOpcode::kText,
                            fmt::format(R"({{"type":"stream.subscribed","data":{{"after":{}}}}})",
                                        cursor_.last())));
    }

    void notice(std::string_view type, std::string_view member) {
        say(websocket_frame(
            WebSocketOpcode::kText,
            fmt::format(R"({{"type":"{}","data":{{"{}":{}}}}})", type, member, cursor_.last())));
    }

    void take_events() {
        if (closed_) return;
        auto read = cursor_.next();
        if (!read) {
            log::error("event_stream_failed reason=\"{}\"", read.error().message);
            close(kCloseTryLater, "the event log cannot be read now");
            return;
        }
        auto step = std::move(read).value();
        if (step.gap) notice("stream.gap", "after");
        for (const auto& item : step.items) {
            for (auto& piece : FeedItem::as_websocket(item)) out_.push_back(std::move(piece));
        }
        again_ = again_ || step.again;
        if (step.overrun) {
            impl_.overruns.add();
            notice("stream.overrun", "resume_after");
            close(kCloseTryLater, "too slow: resume after the number of the last message");
        }
    }

    void after_wait(WaitOutcome outcome) {
        if (outcome == WaitOutcome::kStopping) {
            close(kCloseGoingAway, "the server stops, come back soon");
        } else if (outcome == WaitOutcome::kTimeout) {
            // A ping that was not answered by the next one: the client is gone.
            if (++silent_ > 2) {
                exchange_.abort();
            } else {
                say(websocket_frame(WebSocketOpcode::kPing, "sg"));
            }
        }
    }

    EventRoutes::Impl& impl_;
    server::Exchange& exchange_;
    EventCursor& cursor_;
    StreamPermit permit_;
    WebSocketReader reader_;
    std::vector<BodyPiece> out_;
    bool closed_ = false;
    bool again_ = false;
    int silent_ = 0;
    int messages_ = 0;
    steady_clock::time_point second_{};
};

}  // namespace

server::Task<> stream_websocket(EventRoutes::Impl& impl,
                                server::Exchange& exchange,
                                EventCursor& cursor) {
    Session session(impl, exchange, cursor);
    co_await session.run();
}

}  // namespace sg::api
