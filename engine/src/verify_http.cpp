#include "verify_http.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>

#include <fcntl.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>

#include <base/file.hpp>

#include "verify_names.hpp"

namespace sg::engine {
namespace {

using nlohmann::json;
using process::Channel;
using process::MessageType;

/// What a server may make us hold at most, in each thread.
constexpr std::uint64_t kMaxHttpBytes = std::uint64_t{256} << 20;
/// A parent answers before this, or not at all.
constexpr std::chrono::seconds kAnswerDeadline{90};
constexpr process::MessageLimits kAnswerLimits{std::size_t{64} << 10, 1};

class DirectGetter final : public HttpGetter {
  public:
    [[nodiscard]] Result<FetchedObject> get(const protocols::HttpRequest& request,
                                            std::stop_token stop) const override {
        FetchedObject object;
        object.file.reset(::memfd_create("object", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (!object.file.valid()) return errno_error(errno, "make a file in memory");
        const auto name = protocols::printable_url(request.url);
        auto limited = request;
        limited.max_bytes = std::min(request.max_bytes, kMaxHttpBytes);
        SG_TRY_ASSIGN(auto answer,
                      client_.get(
                          limited,
                          [&](std::span<const std::byte> bytes) {
                              return write_all(object.file.get(), bytes, name);
                          },
                          std::move(stop)));
        // Whoever maps it may rely on it.
        if (::fcntl(object.file.get(),
                    F_ADD_SEALS,
                    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
            return errno_error(errno, "seal the copy of " + name);
        object.bytes = answer.bytes;
        object.url = std::move(answer.url);
        return object;
    }

  private:
    protocols::HttpClient client_;
};

class AskingGetter final : public HttpGetter {
  public:
    AskingGetter(std::vector<UniqueFd> sockets, std::function<void()> beat)
        : beat_(std::move(beat)) {
        for (auto& s : sockets)
            idle_.push_back(std::make_unique<Channel>(std::move(s), kAnswerLimits));
    }

    [[nodiscard]] Result<FetchedObject> get(const protocols::HttpRequest& request,
                                            std::stop_token stop) const override {
        auto channel = take(stop);
        if (!channel) return Error{Errc::kCancelled, "stopped"};
        auto object = ask(*channel, request, stop);
        {
            const std::lock_guard lock(mutex_);
            idle_.push_back(std::move(channel));
        }
        freed_.notify_one();
        beat_();
        return object;
    }

  private:
    [[nodiscard]] std::unique_ptr<Channel> take(const std::stop_token& stop) const {
        std::unique_lock lock(mutex_);
        if (!freed_.wait(lock, stop, [this] { return !idle_.empty(); })) return nullptr;
        auto channel = std::move(idle_.front());
        idle_.pop_front();
        return channel;
    }

    static Result<FetchedObject> ask(Channel& channel,
                                     const protocols::HttpRequest& request,
                                     const std::stop_token& stop) {
        json question = {{"url", request.url}, {"max_bytes", request.max_bytes}};
        if (request.range)
            question.update({{"offset", request.range->offset}, {"bytes", request.range->bytes}});
        const process::Wait wait{stop, std::chrono::steady_clock::now() + kAnswerDeadline};
        SG_TRY(channel.send(MessageType::kRequest,
                            question.dump(-1, ' ', false, json::error_handler_t::replace),
                            {},
                            wait));
        SG_TRY_ASSIGN(auto message, channel.receive(wait));
        if (message.type == MessageType::kError) return process::decode_error(message.payload);
        const auto answer = json::parse(message.payload, nullptr, false);
        if (!answer.is_object() || message.fds.size() != 1)
            return Error{Errc::kInternal, "an object came without its file"};
        FetchedObject object;
        object.file = std::move(message.fds.front());
        object.bytes = answer.value("bytes", std::uint64_t{0});
        object.url = answer.value("url", std::string());
        return object;
    }

    std::function<void()> beat_;
    mutable std::mutex mutex_;
    mutable std::condition_variable_any freed_;
    mutable std::deque<std::unique_ptr<Channel>> idle_;
};

/// The child may have been taken over by what it reads.
Result<protocols::HttpRequest> question_of(const std::string& text) {
    const auto bad = [] { return Error{Errc::kBadData, "a question that is none of ours"}; };
    const auto q = json::parse(text, nullptr, false);
    if (!q.is_object()) return bad();
    protocols::HttpRequest request;
    const auto number = [&](const char* key, std::uint64_t& to) {
        const auto at = q.find(key);
        if (at == q.end() || !at->is_number_unsigned()) return false;
        to = at->get<std::uint64_t>();
        return to <= std::uint64_t{1} << 62;
    };
    const auto url = q.find("url");
    if (url == q.end() || !url->is_string() || !number("max_bytes", request.max_bytes))
        return bad();
    request.url = url->get<std::string>();
    if (q.contains("offset")) {
        auto& range = request.range.emplace();
        if (!number("offset", range.offset) || !number("bytes", range.bytes) || range.bytes == 0)
            return bad();
    }
    return request;
}

}  // namespace

std::unique_ptr<HttpGetter> make_direct_getter() {
    return std::make_unique<DirectGetter>();
}

std::unique_ptr<HttpGetter> make_asking_getter(std::vector<UniqueFd> sockets,
                                               std::function<void()> beat) {
    return std::make_unique<AskingGetter>(std::move(sockets), std::move(beat));
}

FetchServer::FetchServer(const std::string& location)
    : getter_(make_direct_getter()), origins_{origin_of(location)} {}

Result<FetchedObject> FetchServer::fetch(const std::string& text, std::stop_token stop) {
    SG_TRY_ASSIGN(const auto request, question_of(text));
    const auto origin = origin_of(request.url);
    {
        const std::lock_guard lock(mutex_);
        if (origin.empty() || !origins_.contains(origin))
            return Error{Errc::kInvalidArgument,
                         fmt::format("read {}: it is on another server, which verify does not "
                                     "follow",
                                     protocols::printable_url(request.url))};
    }
    SG_TRY_ASSIGN(auto object, getter_->get(request, std::move(stop)));
    const std::lock_guard lock(mutex_);
    if (auto found = origin_of(object.url); !found.empty()) origins_.insert(std::move(found));
    return object;
}

void FetchServer::serve(Channel channel, const std::stop_token& stop) {
    while (true) {
        auto question = channel.receive({stop, std::nullopt});
        if (!question) return;
        auto object = fetch(question->payload, stop);
        Status sent;
        if (!object) {
            sent = channel.send(MessageType::kError, process::encode_error(object.error()));
        } else {
            const auto answer = json{{"bytes", object->bytes}, {"url", object->url}};
            std::vector<UniqueFd> files;
            files.push_back(std::move(object->file));
            sent = channel.send(MessageType::kResult,
                                answer.dump(-1, ' ', false, json::error_handler_t::replace),
                                std::move(files));
        }
        if (!sent) return;
    }
}

}  // namespace sg::engine
