#include <algorithm>
#include <array>
#include <mutex>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>

#include <protocols/http_client.hpp>

namespace sg::protocols {
namespace {

using Clock = std::chrono::steady_clock;

/// A stop request is noticed within this.
constexpr int kPollMs = 100;

struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FreeMulti {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};

/// Connections stay with the multi handle.
struct Session {
    std::unique_ptr<CURLM, FreeMulti> multi;
    std::unique_ptr<CURL, FreeEasy> easy;
};

/// One request under way.
struct Transfer {
    const HttpRequest& request;
    const HttpSink& sink;
    std::string name;
    CURL* handle;
    std::uint64_t received = 0;
    std::optional<Error> failed;
    std::array<char, CURL_ERROR_SIZE> words{};
    std::unique_ptr<curl_slist, FreeList> headers;

    [[nodiscard]] Error fail(Errc code, const std::string& why) const {
        return Error{code, fmt::format("{} {}: {}", request.post_json ? "ask" : "read", name, why)};
    }
    [[nodiscard]] long status() const {
        long code = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
        return code;
    }

    std::size_t take(std::span<const std::byte> bytes) {
        if (request.range && status() != 206 && request.range->offset > 0) {
            failed = fail(Errc::kBadData,
                          fmt::format("the server ignores byte ranges (it answered {} where 206 is "
                                      "right), which players need for this presentation",
                                      status()));
            return 0;
        }
        const auto most =
            request.range ? std::min(request.range->bytes, request.max_bytes) : request.max_bytes;
        if (bytes.size() > most - received) {
            failed = too_large(most);
            return 0;
        }
        if (auto taken = sink(bytes); !taken) {
            failed = std::move(taken).error();
            return 0;
        }
        received += bytes.size();
        return bytes.size();
    }

    [[nodiscard]] Error too_large(std::uint64_t most) const {
        if (request.range)
            return fail(Errc::kBadData,
                        fmt::format("the server sends more than the {} bytes asked for", most));
        return fail(
            Errc::kLimit,
            fmt::format("it is larger than {} bytes, which are the most that is read", most));
    }

    [[nodiscard]] Error of_status(long code) const {
        switch (code) {
            case 404:
            case 410:
                return fail(Errc::kNotFound,
                            fmt::format("the server has no such object ({})", code));
            case 401:
            case 403:
                return fail(Errc::kPermission,
                            fmt::format("the server does not allow it ({})", code));
            case 416:
                return fail(Errc::kMismatch, "the range lies past its end (416)");
            default:
                return fail(Errc::kBadData, fmt::format("the server answered {}", code));
        }
    }

    [[nodiscard]] Error explain(CURLcode code) const {
        if (failed) return *failed;
        switch (code) {
            case CURLE_HTTP_RETURNED_ERROR:
                return of_status(status());
            case CURLE_FILESIZE_EXCEEDED:
                return too_large(request.max_bytes);
            case CURLE_TOO_MANY_REDIRECTS:
                return fail(Errc::kLimit, "it is redirected again and again");
            case CURLE_UNSUPPORTED_PROTOCOL:
            case CURLE_URL_MALFORMAT:
                return fail(
                    Errc::kInvalidArgument,
                    "it is, or is redirected to, something other than an http or https URL");
            case CURLE_OPERATION_TIMEDOUT:
                return fail(Errc::kTimeout, text(code));
            case CURLE_PARTIAL_FILE:
                return fail(Errc::kIo, "the connection ended before the object did");
            default:
                return fail(Errc::kIo, text(code));
        }
    }

    [[nodiscard]] std::string text(CURLcode code) const {
        return words.front() != '\0' ? std::string(words.data())
                                     : std::string(curl_easy_strerror(code));
    }
};

std::size_t write_body(char* bytes, std::size_t size, std::size_t count, void* opaque) {
    return static_cast<Transfer*>(opaque)->take(
        std::as_bytes(std::span(static_cast<const char*>(bytes), size * count)));
}

void set_up(Transfer& t, const HttpLimits& limits) {
    CURL* const h = t.handle;
    const long connect_ms = limits.connect.count();
    const long total_ms = limits.total.count();
    const long silence_s = std::chrono::ceil<std::chrono::seconds>(limits.silence).count();
    curl_easy_reset(h);
    curl_easy_setopt(h, CURLOPT_URL, t.request.url.c_str());
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, static_cast<long>(limits.redirects));
    curl_easy_setopt(h, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "streamgate");
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, total_ms);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, silence_s);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, t.words.data());
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, &write_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &t);
    if (t.request.post_json) {
        // Without "Expect: 100-continue", which costs a second where servers ignore it.
        t.headers.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
        if (auto* longer = curl_slist_append(t.headers.get(), "Expect:")) {
            static_cast<void>(t.headers.release());
            t.headers.reset(longer);
        }
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, t.headers.get());
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, static_cast<long>(t.request.post_json->size()));
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, t.request.post_json->c_str());
    }
    if (t.request.range) {
        const auto& r = *t.request.range;
        curl_easy_setopt(
            h, CURLOPT_RANGE, fmt::format("{}-{}", r.offset, r.offset + r.bytes - 1).c_str());
    } else {
        curl_easy_setopt(h,
                         CURLOPT_MAXFILESIZE_LARGE,
                         static_cast<curl_off_t>(
                             std::min<std::uint64_t>(t.request.max_bytes, std::uint64_t{1} << 62)));
    }
}

/// The handle is in `multi`, and must leave it whatever happens.
Result<CURLcode> perform(CURLM* multi, const Transfer& t, const std::stop_token& stop) {
    int running = 1;
    while (running > 0) {
        if (stop.stop_requested()) return t.fail(Errc::kCancelled, "stopped");
        auto code = curl_multi_perform(multi, &running);
        if (code == CURLM_OK && running > 0)
            code = curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr);
        if (code != CURLM_OK) return t.fail(Errc::kIo, curl_multi_strerror(code));
    }
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == t.handle)
            return message->data.result;
    }
    return t.fail(Errc::kInternal, "the transfer ended without a result");
}

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
};

HttpClient::HttpClient(HttpLimits limits) : limits_(limits), pool_(std::make_unique<Pool>()) {
    // Not safe beside other threads in old libraries, unless it happens once.
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

HttpClient::~HttpClient() = default;

Result<HttpAnswer> HttpClient::get(const HttpRequest& request,
                                   const HttpSink& sink,
                                   std::stop_token stop) const {
    auto session = pool_->take();
    Transfer transfer{
        request, sink, printable_url(request.url), session.easy.get(), 0, std::nullopt, {}, {}};
    if (!session.multi || !session.easy) return transfer.fail(Errc::kLimit, "out of memory");
    set_up(transfer, limits_);
    const auto added = curl_multi_add_handle(session.multi.get(), session.easy.get());
    if (added != CURLM_OK) return transfer.fail(Errc::kIo, curl_multi_strerror(added));
    const auto code = perform(session.multi.get(), transfer, stop);
    HttpAnswer answer;
    answer.bytes = transfer.received;
    const char* url = nullptr;
    curl_easy_getinfo(session.easy.get(), CURLINFO_EFFECTIVE_URL, &url);
    if (url != nullptr) answer.url = url;
    std::optional<Error> failed;
    if (!code) {
        failed = code.error();
    } else if (*code != CURLE_OK) {
        failed = transfer.explain(*code);
    } else if (transfer.status() >= 300) {
        failed = transfer.of_status(transfer.status());
    }
    curl_multi_remove_handle(session.multi.get(), session.easy.get());
    pool_->give_back(std::move(session));
    if (failed) return *failed;
    return answer;
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
