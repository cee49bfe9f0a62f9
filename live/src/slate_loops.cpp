#include "slate_loops.hpp"

#include <boost/asio/post.hpp>

namespace sg::live {

SlateLoops::Version SlateLoops::version_of(const std::string& image) {
    Version version;
    std::error_code none;
    if (image.empty()) return version;
    version.first = std::filesystem::last_write_time(image, none);
    version.second = std::filesystem::file_size(image, none);
    return version;
}

void SlateLoops::get(const std::string& image, const PullContext& context, Done done) {
    const auto version = version_of(image);
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        auto& entry = entries_[image];
        if (entry.loop && entry.version == version) {
            boost::asio::post(context.home,
                              [done = std::move(done), loop = entry.loop] { done(loop); });
            return;
        }
        first = entry.waiting.empty();
        entry.waiting.push_back({context.home, std::move(done)});
    }
    if (!first) return;
    make_slate_loop(image, context, [self = shared_from_this(), image, version](const auto& loop) {
        self->made(image, version, loop);
    });
}

void SlateLoops::made(const std::string& image, const Version& version, const Result<Loop>& loop) {
    std::vector<Waiter> waiting;
    {
        const std::lock_guard lock(mutex_);
        auto& entry = entries_[image];
        waiting.swap(entry.waiting);
        entry.version = version;
        entry.loop = loop ? *loop : nullptr;
    }
    for (auto& each : waiting)
        boost::asio::post(each.home, [done = std::move(each.done), loop] { done(loop); });
}

}  // namespace sg::live
