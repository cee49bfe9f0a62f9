#include <algorithm>
#include <limits>
#include <mutex>
#include <vector>

#include <curl/curl.h>

#include <protocols/http_client.hpp>

#include "http_transfer.hpp"

namespace sg::protocols {
namespace {

struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeMulti {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};

/// Connections stay with the multi handle.
struct Session {
    std::unique_ptr<CURLM, FreeMulti> multi;
    std::unique_ptr<CURL, FreeEasy> easy;
};

}  // namespace

struct HttpClient::Pool {
    std::mutex mutex;
    std::vector<Session> idle;

    Session take() {
        const std::lock_guard lock(mutex);
        if (idle.empty())
            return {std::unique_ptr<CURLM, FreeMulti>(curl_multi_init()),
                    std::unique_ptr<CURL, FreeEasy>(curl_easy_init())};
        auto session = std::move(idle.back());
        idle.pop_back();
        return session;
    }
    void give_back(Session session) {
        const std::lock_guard lock(mutex);
        idle.push_back(std::move(session));
    }

    Result<HttpAnswer> perform(const HttpRequest& request,
                               const HttpSink& sink,
                               const HttpHeadSink& on_head,
                               HttpTransfer::Statuses statuses,
                               const HttpLimits& limits,
                               AddressPolicy addresses,
                               const std::stop_token& stop) {
        auto session = take();
        HttpTransfer transfer(request, sink, on_head, statuses, session.easy.get());
        if (!session.multi || !session.easy) return transfer.fail(Errc::kLimit, "out of memory");
        transfer.set_up(limits, addresses);
        auto answer = transfer.perform(session.multi.get(), stop);
        give_back(std::move(session));
        return answer;
    }
};

HttpClient::HttpClient(HttpLimits limits, AddressPolicy addresses)
    : limits_(limits), addresses_(addresses), pool_(std::make_unique<Pool>()) {
    // Not safe beside other threads in old libraries, unless it happens once.
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

HttpClient::~HttpClient() = default;

Result<HttpAnswer> HttpClient::get(const HttpRequest& request,
                                   const HttpSink& sink,
                                   std::stop_token stop,
                                   const HttpHeadSink& on_head) const {
    const auto statuses =
        request.any_status ? HttpTransfer::Statuses::kAny : HttpTransfer::Statuses::kSuccessOnly;
    return pool_->perform(request, sink, on_head, statuses, limits_, addresses_, stop);
}

Result<HttpReply> HttpClient::exchange(const HttpRequest& request, std::stop_token stop) const {
    HttpReply reply;
    const HttpSink sink = [&](std::span<const std::byte> bytes) -> Status {
        const auto room = static_cast<std::size_t>(request.max_bytes) - reply.body.size();
        reply.body_cut = bytes.size() > room;
        const auto kept = bytes.first(std::min(bytes.size(), room));
        reply.body.append(reinterpret_cast<const char*>(kept.data()), kept.size());
        if (reply.body_cut) return Error{Errc::kLimit, "enough"};
        return {};
    };
    const HttpHeadSink on_head = [&reply](const HttpHead& head) -> Status {
        reply.head = head;
        return {};
    };
    HttpRequest whole = request;
    whole.max_bytes = std::numeric_limits<std::uint64_t>::max();
    const auto answer = pool_->perform(
        whole, sink, on_head, HttpTransfer::Statuses::kAny, limits_, addresses_, stop);
    if (!answer && !reply.body_cut) return answer.error();
    return reply;
}

const std::string* find_header(const HttpHeaders& headers, std::string_view name) {
    const auto at = std::find_if(headers.begin(), headers.end(), [name](const auto& header) {
        return header.first == name;
    });
    return at == headers.end() ? nullptr : &at->second;
}

std::string printable_url(std::string_view url) {
    url = url.substr(0, url.find_first_of("?#"));
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return std::string(url);
    const auto from = scheme + 3;
    const auto host = url.substr(from, url.find('/', from) - from);
    const auto at = host.rfind('@');
    if (at == std::string_view::npos) return std::string(url);
    return std::string(url.substr(0, from)) + std::string(url.substr(from + at + 1));
}

}  // namespace sg::protocols
