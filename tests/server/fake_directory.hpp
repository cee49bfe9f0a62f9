#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <live/playback.hpp>

namespace sg::server::test {

inline std::shared_ptr<const std::vector<std::byte>> bytes_of(std::string_view text) {
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    return std::make_shared<const std::vector<std::byte>>(data, data + text.size());
}

inline live::MediaBytes memory_piece(std::string_view text) {
    return {bytes_of(text), nullptr, 0, text.size()};
}

inline live::Resource segment(std::string_view text, std::string etag = "s1") {
    live::Resource out;
    out.kind = live::ResourceKind::kSegment;
    out.content_type = "video/mp4";
    out.pieces = {memory_piece(text)};
    out.etag = std::move(etag);
    out.max_age = std::chrono::seconds(3600);
    return out;
}

inline live::Resource playlist(std::string_view text, std::string etag = "p1") {
    auto out = segment(text, std::move(etag));
    out.kind = live::ResourceKind::kPlaylist;
    out.content_type = "application/vnd.apple.mpegurl";
    out.max_age = std::chrono::seconds(0);
    return out;
}

/// Finds what it was given; paths in `soon` wait.
struct FakeView final : live::ChannelView {
    std::map<std::string, live::Resource, std::less<>> objects;
    std::map<std::string, std::chrono::milliseconds, std::less<>> soon;
    /// Media sequence number up to which "index.m3u8" blocks, and what is refused.
    std::optional<std::uint64_t> newest_msn;
    bool is_ended = false;

    [[nodiscard]] live::Lookup find(std::string_view path,
                                    const live::PlaylistDirectives& directives) const override {
        live::Lookup out;
        using Outcome = live::Lookup::Outcome;
        if (newest_msn && directives.msn && *directives.msn > *newest_msn) {
            out.outcome = *directives.msn > *newest_msn + 2 ? Outcome::kBadRequest : Outcome::kWait;
            out.wait_limit = std::chrono::milliseconds(20'000);
        } else if (const auto found = objects.find(path); found != objects.end()) {
            out.outcome = Outcome::kFound;
            out.resource = found->second;
        } else if (const auto wait = soon.find(path); wait != soon.end()) {
            out.outcome = Outcome::kWait;
            out.wait_limit = wait->second;
        }
        return out;
    }
    [[nodiscard]] bool ended() const override { return is_ended; }
};

class FakeChannel final : public live::PlaybackChannel {
  public:
    explicit FakeChannel(std::string name) : name_(std::move(name)) {}

    void publish(FakeView view) {
        std::vector<std::function<void()>> wakes;
        {
            const std::lock_guard lock(mutex_);
            view_ = std::make_shared<const FakeView>(std::move(view));
            wakes.swap(wakes_);
        }
        for (const auto& wake : wakes) wake();
    }
    [[nodiscard]] std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return wakes_.size();
    }
    [[nodiscard]] std::uint64_t sent() const {
        const std::lock_guard lock(mutex_);
        return sent_;
    }
    [[nodiscard]] std::size_t viewers() const {
        const std::lock_guard lock(mutex_);
        return viewers_.size();
    }

    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] std::shared_ptr<const live::ChannelView> view() const override {
        const std::lock_guard lock(mutex_);
        return view_;
    }
    [[nodiscard]] bool notify_once(const live::ChannelView* seen,
                                   std::function<void()> wake) override {
        const std::lock_guard lock(mutex_);
        if (seen != view_.get()) return false;
        wakes_.push_back(std::move(wake));
        return true;
    }
    void count_sent(std::uint64_t bytes) override {
        const std::lock_guard lock(mutex_);
        sent_ += bytes;
    }
    void count_viewer(std::uint64_t client_hash) override {
        const std::lock_guard lock(mutex_);
        viewers_[client_hash] = true;
    }

  private:
    std::string name_;
    mutable std::mutex mutex_;
    std::shared_ptr<const live::ChannelView> view_ = std::make_shared<const FakeView>();
    std::vector<std::function<void()>> wakes_;
    std::uint64_t sent_ = 0;
    std::map<std::uint64_t, bool> viewers_;
};

class FakeDirectory final : public live::PlaybackDirectory {
  public:
    FakeDirectory() { add(std::make_shared<FakeChannel>("live/one")); }

    void add(std::shared_ptr<FakeChannel> channel) {
        const std::lock_guard lock(mutex_);
        channels_.push_back(std::move(channel));
    }
    void remove(const std::shared_ptr<FakeChannel>& channel) {
        const std::lock_guard lock(mutex_);
        std::erase(channels_, channel);
    }
    [[nodiscard]] FakeChannel& first() const {
        const std::lock_guard lock(mutex_);
        return *channels_.front();
    }

    [[nodiscard]] std::shared_ptr<live::PlaybackChannel> find(
        std::string_view name) const override {
        const std::lock_guard lock(mutex_);
        for (const auto& channel : channels_) {
            if (channel->name() == name) return channel;
        }
        return nullptr;
    }
    [[nodiscard]] std::vector<std::shared_ptr<live::PlaybackChannel>> list() const override {
        const std::lock_guard lock(mutex_);
        return {channels_.begin(), channels_.end()};
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<FakeChannel>> channels_;
};

}  // namespace sg::server::test
