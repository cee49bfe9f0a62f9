#include "http_transfer.hpp"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>
#include <sys/socket.h>

namespace sg::protocols {
namespace {

/// A stop request is noticed within this.
constexpr int kPollMs = 100;
/// libcurl of Debian 12 bounds one header, not all.
constexpr std::size_t kMaxHeadBytes = 64 * 1024;

std::string_view trimmed(std::string_view text) {
    const auto from = text.find_first_not_of(" \t\r\n");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

HttpTransfer::HttpTransfer(const HttpRequest& request,
                           const HttpSink& sink,
                           const HttpHeadSink& on_head,
                           Statuses statuses,
                           CURL* handle)
    : request_(request),
      sink_(sink),
      on_head_(on_head),
      statuses_(statuses),
      handle_(handle),
      name_(printable_url(request.url)) {}

Error HttpTransfer::fail(Errc code, const std::string& why) const {
    return Error{code, fmt::format("{} {}: {}", sends() ? "ask" : "read", name_, why)};
}

long HttpTransfer::status() const {
    long code = 0;
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

Status HttpTransfer::tell_head() {
    if (std::exchange(head_told_, true)) return {};
    head_.status = static_cast<int>(status());
    return on_head_ ? on_head_(head_) : Status{};
}

Status HttpTransfer::take(std::span<const std::byte> bytes) {
    SG_TRY(tell_head());
    if (request_.range && status() != 206 && request_.range->offset > 0) {
        return fail(Errc::kBadData,
                    fmt::format("the server ignores byte ranges (it answered {} where 206 is "
                                "right), which players need for this presentation",
                                status()));
    }
    const auto most =
        request_.range ? std::min(request_.range->bytes, request_.max_bytes) : request_.max_bytes;
    if (bytes.size() > most - received_) return too_large(most);
    SG_TRY(sink_(bytes));
    received_ += bytes.size();
    return {};
}

Status HttpTransfer::take_header(std::string_view line) {
    if (line.starts_with("HTTP/")) {
        // Of the next answer: after a redirect or an interim one.
        head_.headers.clear();
        head_bytes_ = 0;
        return {};
    }
    head_bytes_ += line.size();
    if (head_bytes_ > kMaxHeadBytes)
        return fail(Errc::kBadData,
                    fmt::format("its headers are larger than {} bytes", kMaxHeadBytes));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || head_told_) return {};
    std::string name(trimmed(line.substr(0, colon)));
    std::transform(name.begin(), name.end(), name.begin(), lower);
    head_.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
    return {};
}

std::size_t HttpTransfer::write_body(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    auto taken = transfer.take(std::as_bytes(std::span(bytes, size * count)));
    if (taken) return size * count;
    transfer.failed_ = std::move(taken).error();
    return 0;
}

std::size_t HttpTransfer::write_header(char* bytes,
                                       std::size_t size,
                                       std::size_t count,
                                       void* self) {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    auto taken = transfer.take_header({bytes, size * count});
    if (taken) return size * count;
    transfer.failed_ = std::move(taken).error();
    return 0;
}

curl_socket_t HttpTransfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    if (const char* special = special_address(address->addr);
        special != nullptr && !transfer.addresses_.allow_private) {
        transfer.refused_ = transfer.fail(
            Errc::kPermission,
            fmt::format("it leads to {}, an address that is {}, and only public addresses may be "
                        "used; an operator can allow it",
                        address_text(address->addr),
                        special));
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

Error HttpTransfer::too_large(std::uint64_t most) const {
    if (request_.range)
        return fail(Errc::kBadData,
                    fmt::format("the server sends more than the {} bytes asked for", most));
    return fail(Errc::kLimit,
                fmt::format("it is larger than {} bytes, which are the most that is read", most));
}

Error HttpTransfer::of_status(long code) const {
    switch (code) {
        case 404:
        case 410:
            return fail(Errc::kNotFound, fmt::format("the server has no such object ({})", code));
        case 401:
        case 403:
            return fail(Errc::kPermission, fmt::format("the server does not allow it ({})", code));
        case 416:
            return fail(Errc::kMismatch, "the range lies past its end (416)");
        default:
            return fail(Errc::kBadData, fmt::format("the server answered {}", code));
    }
}

Error HttpTransfer::explain(CURLcode code) const {
    if (failed_) return *failed_;
    switch (code) {
        case CURLE_HTTP_RETURNED_ERROR:
            return of_status(status());
        case CURLE_FILESIZE_EXCEEDED:
            return too_large(request_.max_bytes);
        case CURLE_TOO_MANY_REDIRECTS:
            return fail(Errc::kLimit, "it is redirected again and again");
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
            return fail(Errc::kInvalidArgument,
                        "it is, or is redirected to, something other than an http or https URL");
        case CURLE_OPERATION_TIMEDOUT:
            return fail(Errc::kTimeout, text(code));
        case CURLE_PARTIAL_FILE:
            return fail(Errc::kIo, "the connection ended before the object did");
        default:
            if (refused_) return *refused_;
            return fail(Errc::kIo, text(code));
    }
}

std::string HttpTransfer::text(CURLcode code) const {
    return words_.front() != '\0' ? std::string(words_.data())
                                  : std::string(curl_easy_strerror(code));
}

void HttpTransfer::add_header(const std::string& line) {
    if (auto* longer = curl_slist_append(headers_.get(), line.c_str())) {
        static_cast<void>(headers_.release());
        headers_.reset(longer);
    }
}

void HttpTransfer::set_body() {
    if (request_.post_json) add_header("Content-Type: application/json");
    for (const auto& [name, value] : request_.headers) add_header(name + ": " + value);
    if (sends()) {
        // Without "Expect: 100-continue", which costs a second where servers ignore it.
        add_header("Expect:");
        const auto& bytes = request_.body ? *request_.body : *request_.post_json;
        curl_easy_setopt(handle_, CURLOPT_POST, 1L);
        curl_easy_setopt(
            handle_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
        curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, bytes.c_str());
    }
    if (request_.method == "HEAD")
        curl_easy_setopt(handle_, CURLOPT_NOBODY, 1L);
    else if (!request_.method.empty())
        curl_easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    if (headers_) curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_.get());
}

void HttpTransfer::set_up(const HttpLimits& limits, AddressPolicy addresses) {
    CURL* const h = handle_;
    addresses_ = addresses;
    silence_ = limits.silence;
    const long connect_ms = limits.connect.count();
    const long total_ms = limits.total.count();
    curl_easy_reset(h);
    curl_easy_setopt(h, CURLOPT_URL, request_.url.c_str());
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    // A proxy would connect in our place, to addresses that we never see.
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::open_socket);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, limits.redirects > 0 ? 1L : 0L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, static_cast<long>(limits.redirects));
    curl_easy_setopt(h, CURLOPT_FAILONERROR, statuses_ == Statuses::kAny ? 0L : 1L);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "streamgate");
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, total_ms);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, words_.data());
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, &HttpTransfer::write_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, &HttpTransfer::write_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, this);
    set_body();
    if (request_.range) {
        const auto& r = *request_.range;
        curl_easy_setopt(
            h, CURLOPT_RANGE, fmt::format("{}-{}", r.offset, r.offset + r.bytes - 1).c_str());
    } else if (statuses_ == Statuses::kSuccessOnly) {
        const auto most = std::min<std::uint64_t>(request_.max_bytes, std::uint64_t{1} << 62);
        curl_easy_setopt(h, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(most));
    }
}

/// libcurl's own limit of speed looks at the mean of some seconds.
std::int64_t HttpTransfer::moved() const {
    curl_off_t down = 0;
    curl_off_t up = 0;
    long head = 0;
    curl_easy_getinfo(handle_, CURLINFO_SIZE_DOWNLOAD_T, &down);
    curl_easy_getinfo(handle_, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(handle_, CURLINFO_HEADER_SIZE, &head);
    return down + up + head;
}

Result<CURLcode> HttpTransfer::run(CURLM* multi, const std::stop_token& stop) const {
    using Steady = std::chrono::steady_clock;
    auto last = Steady::now();
    std::int64_t before = 0;
    int running = 1;
    while (running > 0) {
        if (stop.stop_requested()) return fail(Errc::kCancelled, "stopped");
        if (const auto now = moved(); now != before) {
            before = now;
            last = Steady::now();
        } else if (silence_.count() > 0 && Steady::now() - last > silence_) {
            return fail(Errc::kTimeout, fmt::format("not a byte came for {} ms", silence_.count()));
        }
        auto code = curl_multi_perform(multi, &running);
        if (code == CURLM_OK && running > 0)
            code = curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr);
        if (code != CURLM_OK) return fail(Errc::kIo, curl_multi_strerror(code));
    }
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == handle_)
            return message->data.result;
    }
    return fail(Errc::kInternal, "the transfer ended without a result");
}

Result<HttpAnswer> HttpTransfer::perform(CURLM* multi, const std::stop_token& stop) {
    if (const auto added = curl_multi_add_handle(multi, handle_); added != CURLM_OK)
        return fail(Errc::kIo, curl_multi_strerror(added));
    const auto code = run(multi, stop);
    const char* url = nullptr;
    curl_easy_getinfo(handle_, CURLINFO_EFFECTIVE_URL, &url);
    HttpAnswer answer;
    if (url != nullptr) answer.url = url;
    std::optional<Error> failed;
    if (!code) {
        failed = code.error();
    } else if (*code != CURLE_OK) {
        failed = explain(*code);
    } else if (statuses_ == Statuses::kSuccessOnly && status() >= 300) {
        failed = of_status(status());
    } else if (auto told = tell_head(); !told) {
        failed = std::move(told).error();
    }
    curl_multi_remove_handle(multi, handle_);
    if (failed) return *failed;
    answer.bytes = received_;
    answer.head = std::move(head_);
    return answer;
}

}  // namespace sg::protocols
