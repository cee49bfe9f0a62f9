#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::protocols {

struct HttpRange {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

struct HttpRequest {
    std::string url;                         ///< http or https
    std::optional<HttpRange> range;          ///< of at least one byte
    std::uint64_t max_bytes = 0;             ///< of the answer's body
    std::optional<std::string> post_json{};  ///< sent by POST; otherwise GET
};

struct HttpAnswer {
    std::string url;  ///< where it was found, after redirects
    std::uint64_t bytes = 0;
};

struct HttpLimits {
    std::chrono::milliseconds connect{10'000};
    std::chrono::milliseconds silence{15'000};  ///< rounded up to seconds
    std::chrono::milliseconds total{60'000};    ///< of one request, redirects included
    int redirects = 8;
};

/// Takes a body's bytes as they come. Its error ends the request.
using HttpSink = std::function<Status(std::span<const std::byte>)>;

/// GET, or POST, over HTTP/1.1 and HTTP/2, to any address family, with redirects between http and
/// https only. Holds nothing of a body. Thread-safe; connections are kept for the next request.
class HttpClient {
  public:
    explicit HttpClient(HttpLimits limits = {});
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Blocks. The sink gets the body of a success only, at most max_bytes. kNotFound (404, 410),
    /// kPermission (401, 403), kBadData (another failure, or a server that ignores ranges), kLimit
    /// (max_bytes, redirects), kMismatch (the range lies past the end), kTimeout, kCancelled
    /// (within 100 ms), kIo, kInvalidArgument (no such URL).
    [[nodiscard]] Result<HttpAnswer> get(const HttpRequest& request,
                                         const HttpSink& sink,
                                         std::stop_token stop) const;

  private:
    struct Pool;
    HttpLimits limits_;
    std::unique_ptr<Pool> pool_;
};

/// For messages: without user, password, query and fragment, which may be secrets.
[[nodiscard]] std::string printable_url(std::string_view url);

}  // namespace sg::protocols
