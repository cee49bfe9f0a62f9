#include "publish_questions.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/log.hpp>
#include <protocols/http_client.hpp>

namespace sg::live {
namespace {

/// Slow answers hold one thread each; publishers come seldom.
constexpr std::size_t kMostThreads = 4;
constexpr std::uint64_t kMostAnswerBytes = 64 * 1024;

std::string body_of(const PublishClaim& claim) {
    nlohmann::json body{{"event", "publish"},
                        {"protocol", claim.protocol},
                        {"name", claim.name},
                        {"peer", claim.peer},
                        {"user", claim.user}};
    for (const auto* name : {"key", "token"}) {
        const auto found = claim.arguments.find(name);
        if (found != claim.arguments.end()) body[name] = found->second;
    }
    return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Status ask_now(const PublishCallback& callback,
               const PublishClaim& claim,
               const std::stop_token& stop) {
    protocols::HttpLimits limits;
    limits.connect = callback.timeout;
    limits.total = callback.timeout;
    limits.redirects = 0;
    const protocols::HttpClient client(limits);
    protocols::HttpRequest request;
    request.url = callback.url;
    request.max_bytes = kMostAnswerBytes;
    request.post_json = body_of(claim);
    const auto answer = client.get(
        request, [](std::span<const std::byte>) -> Status { return {}; }, stop);
    if (answer) return {};
    const auto code = answer.error().code;
    // What the publisher is told says nothing about the service that was asked.
    const bool refused =
        code == Errc::kPermission || code == Errc::kNotFound || code == Errc::kBadData;
    if (!refused) log::warn("publish_callback_failed error=\"{}\"", answer.error().message);
    return Error{Errc::kPermission,
                 refused ? "publish: not allowed for this name"
                         : "publish: the right to publish could not be checked; try again later"};
}

}  // namespace

void PublishQuestions::close() {
    std::deque<Question> left;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        left.swap(waiting_);
    }
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();
    for (auto& question : left)
        question.then(Error{Errc::kPermission, "publish: the service stops"});
}

void PublishQuestions::ask(PublishCallback callback,
                           PublishClaim claim,
                           std::function<void(Status)> then) {
    {
        const std::lock_guard lock(mutex_);
        if (!closed_ && waiting_.size() < kMostWaiting) {
            const bool more =
                threads_.size() < kMostThreads && threads_.size() < busy_ + waiting_.size() + 1;
            if (more) add_thread();
            if (!threads_.empty()) {
                waiting_.push_back({std::move(callback), std::move(claim), std::move(then)});
                changed_.notify_one();
                return;
            }
        }
    }
    then(Error{Errc::kLimit, "publish: too many publishers come at once; try again later"});
}

/// Those that there are do, where the system has no thread left.
void PublishQuestions::add_thread() {
    try {
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    } catch (const std::system_error& error) {
        log::warn("publish_callback_thread error=\"{}\"", error.code().message());
    }
}

void PublishQuestions::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
        if (stop.stop_requested()) return;
        auto question = std::move(waiting_.front());
        waiting_.pop_front();
        ++busy_;
        lock.unlock();
        question.then(ask_now(question.callback, question.claim, stop));
        question = {};
        lock.lock();
        --busy_;
    }
}

}  // namespace sg::live
