#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <base/log.hpp>
#include <ingest/flv_depacketizer.hpp>
#include <protocols/rtmp_client.hpp>

#include "pull_source.hpp"

namespace sg::live {
namespace {

constexpr std::size_t kMostEarly = 32;

class RtmpPull final : public PullSource, private protocols::RtmpClientHandler {
  public:
    RtmpPull(protocols::RtmpUrl url, const PullContext& context, PullOwner& owner)
        : clock_(context.clock),
          owner_(owner),
          client_(context.home, options(std::move(url)), *this) {}

    void start() override { client_.start(); }

  private:
    static protocols::RtmpClientOptions options(protocols::RtmpUrl url) {
        protocols::RtmpClientOptions options;
        options.url = std::move(url);
        options.intent = protocols::RtmpIntent::kPlay;
        options.idle_timeout = std::chrono::seconds(10);
        return options;
    }

    void on_ready() override {}

    void on_messages(std::span<protocols::RtmpMessage> messages) override {
        // Servers talk about streams that nobody publishes, too.
        media_came_ = media_came_ || std::ranges::any_of(messages, is_media);
        if (!media_came_) {
            keep(messages);
            return;
        }
        if (early_.empty()) {
            take(messages);
            return;
        }
        early_.insert(early_.end(),
                      std::make_move_iterator(messages.begin()),
                      std::make_move_iterator(messages.end()));
        take(std::exchange(early_, {}));
    }

    static bool is_media(const protocols::RtmpMessage& message) {
        using Type = protocols::RtmpType;
        return message.type == Type::kAudio || message.type == Type::kVideo ||
               message.type == Type::kAggregate;
    }

    void keep(std::span<protocols::RtmpMessage> messages) {
        for (auto& message : messages) {
            if (early_.size() < kMostEarly) early_.push_back(std::move(message));
        }
    }

    void take(std::span<const protocols::RtmpMessage> messages) {
        auto* feed = owner_.feed(ingest::FlvDepacketizer::kClock);
        if (feed == nullptr) return;
        if (!depacketizer_) depacketizer_.emplace(*feed);
        feed->arrived(clock_.now());
        for (const auto& message : messages) {
            const auto status = depacketizer_->push(static_cast<std::uint8_t>(message.type),
                                                    message.timestamp,
                                                    message.payload.bytes());
            if (!status && refused_++ == 0)
                log::warn("rtmp_message_refused error=\"{}\"", status.error().message);
        }
        owner_.delivered();
    }

    void on_closed(const Error& why) override { owner_.on_gone(why); }

    const Clock& clock_;
    PullOwner& owner_;
    std::optional<ingest::FlvDepacketizer> depacketizer_;
    bool media_came_ = false;
    std::vector<protocols::RtmpMessage> early_;  ///< before the first media
    std::uint64_t refused_ = 0;
    protocols::RtmpClient client_;
};

}  // namespace

Result<std::unique_ptr<PullSource>> make_rtmp_pull(const InputSettings& input,
                                                   const PullContext& context,
                                                   PullOwner& owner) {
    SG_TRY_ASSIGN(auto url, protocols::parse_rtmp_url(input.url));
    return std::unique_ptr<PullSource>(std::make_unique<RtmpPull>(std::move(url), context, owner));
}

}  // namespace sg::live
