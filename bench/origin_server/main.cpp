// The origin by itself, for bench/origin.py: one channel with a segment in memory, the same as a
// stored file, and a playlist whose next state comes when a line is read from standard input.

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>

#include <server/http_server.hpp>
#include <server/playback_routes.hpp>

#include <base/clock.hpp>
#include <base/file.hpp>

namespace {

using namespace sg;

struct View final : live::ChannelView {
    std::uint64_t newest = 0;
    live::Resource memory;
    live::Resource file;
    live::Resource playlist;

    [[nodiscard]] live::Lookup find(std::string_view path,
                                    const live::PlaylistDirectives& directives) const override {
        live::Lookup out;
        out.outcome = live::Lookup::Outcome::kFound;
        if (path == "memory.m4s") {
            out.resource = memory;
        } else if (path == "file.m4s") {
            out.resource = file;
        } else if (path != "index.m3u8") {
            out.outcome = live::Lookup::Outcome::kNotFound;
        } else if (directives.msn && *directives.msn > newest) {
            out.outcome = live::Lookup::Outcome::kWait;
            out.wait_limit = std::chrono::minutes(10);
        } else {
            out.resource = playlist;
        }
        return out;
    }
    [[nodiscard]] bool ended() const override { return false; }
};

class Channel final : public live::PlaybackChannel {
  public:
    void publish(View view) {
        std::vector<std::function<void()>> wakes;
        {
            const std::lock_guard lock(mutex_);
            view_ = std::make_shared<const View>(std::move(view));
            wakes.swap(wakes_);
        }
        for (const auto& wake : wakes) wake();
    }
    [[nodiscard]] std::string_view name() const override { return "live/bench"; }
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
    void count_sent(std::uint64_t) override {}
    void count_viewer(std::uint64_t) override {}

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const View> view_;
    std::vector<std::function<void()>> wakes_;
};

struct Directory final : live::PlaybackDirectory {
    std::shared_ptr<Channel> channel = std::make_shared<Channel>();
    [[nodiscard]] std::shared_ptr<live::PlaybackChannel> find(
        std::string_view name) const override {
        return name == channel->name() ? channel : nullptr;
    }
    [[nodiscard]] std::vector<std::shared_ptr<live::PlaybackChannel>> list() const override {
        return {channel};
    }
};

live::MediaBytes bytes_of(std::string_view text) {
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    return {std::make_shared<const std::vector<std::byte>>(data, data + text.size()),
            nullptr,
            0,
            text.size()};
}

/// `path`: the segment. It is held in four pieces, as a segment of parts is.
View make_view(const std::string& path, const std::string& media) {
    View view;
    view.memory.content_type = view.file.content_type = "video/mp4";
    view.memory.etag = view.file.etag = "media";
    view.memory.max_age = view.file.max_age = std::chrono::hours(24);
    const auto quarter = media.size() / 4 + 1;
    for (std::size_t at = 0; at < media.size(); at += quarter) {
        view.memory.pieces.push_back(bytes_of(std::string_view(media).substr(at, quarter)));
    }
    auto stored = std::make_shared<live::StoredFile>();
    stored->fd = std::move(open_file(path, O_RDONLY)).value();
    stored->bytes = media.size();
    view.file.pieces = {{nullptr, stored, 0, media.size()}};
    view.playlist.kind = live::ResourceKind::kPlaylist;
    view.playlist.content_type = "application/vnd.apple.mpegurl";
    std::string text = "#EXTM3U\n";
    for (int i = 0; i < 60; ++i) text += "#EXTINF:4.00000,\nk3x-" + std::to_string(i) + ".m4s\n";
    view.playlist.etag = "playlist-0";
    view.playlist.pieces = {bytes_of(text)};
    return view;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: bench-origin SEGMENT-FILE THREADS\n", stderr);
        return 2;
    }
    const auto media = read_file(argv[1], 1U << 30U);
    if (!media) {
        std::fprintf(stderr, "%s\n", media.error().message.c_str());
        return 1;
    }
    auto view = make_view(argv[1], media.value());
    Directory directory;
    directory.channel->publish(view);
    std::vector<boost::asio::io_context> contexts(std::strtoul(argv[2], nullptr, 10));
    std::vector<boost::asio::io_context*> pointers;
    for (auto& context : contexts) pointers.push_back(&context);
    const SystemClock clock;
    NullMetrics metrics;
    server::Router router;
    server::PlaybackRoutes routes(directory, contexts.size(), {}, clock, metrics);
    routes.add_to(router);
    server::HttpServerOptions options;
    options.port = 0;
    options.max_connections_per_address = options.max_connections;
    const auto server = server::HttpServer::start(pointers, router, options, metrics);
    if (!server) {
        std::fprintf(stderr, "%s\n", server.error().message.c_str());
        return 1;
    }
    std::printf("%d\n", server.value()->port());
    std::fflush(stdout);
    std::vector<std::jthread> threads;
    for (auto& context : contexts) threads.emplace_back([&context] { context.run(); });
    for (std::string line; std::getline(std::cin, line);) {
        ++view.newest;
        view.playlist.etag = "playlist-" + std::to_string(view.newest);
        directory.channel->publish(view);
    }
    for (auto& context : contexts) context.stop();
    threads.clear();
    std::_Exit(0);
}
