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
#include <utility>
#include <vector>

#include <base/result.hpp>
#include <protocols/address_policy.hpp>

namespace sg::protocols {

struct HttpRange {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

/// Names in lower case in answers; as given in requests.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The first value of a header, nullptr when there is none. `name` in lower case.
[[nodiscard]] const std::string* find_header(const HttpHeaders& headers, std::string_view name);

struct HttpHead {
    int status = 0;
    HttpHeaders headers;
};

struct HttpRequest {
    std::string url;                         ///< http or https
    std::optional<HttpRange> range;          ///< of at least one byte
    std::uint64_t max_bytes = 0;             ///< of the answer's body
    std::optional<std::string> post_json{};  ///< sent by POST; otherwise GET
    std::optional<std::string> body{};       ///< sent by POST, any bytes; its type is in `headers`
    std::string method{};                    ///< another than GET, or POST with a body
    /// Also sent to where a redirect leads, but for Authorization and Cookie.
    HttpHeaders headers{};
    bool any_status = false;  ///< of get(): an answer of any status is a success
};

struct HttpAnswer {
    std::string url;  ///< where it was found, after redirects
    std::uint64_t bytes = 0;
    HttpHead head{};
};

/// Of any status.
struct HttpReply {
    HttpHead head;
    std::string body;       ///< at most max_bytes
    bool body_cut = false;  ///< there was more
};

struct HttpLimits {
    std::chrono::milliseconds connect{10'000};
    std::chrono::milliseconds silence{15'000};  ///< without a byte either way; 0: no limit
    std::chrono::milliseconds total{60'000};    ///< of one request, redirects included; 0: none
    int redirects = 8;                          ///< 0: an answer like any other
};

/// Takes a body's bytes as they come. Its error ends the request.
using HttpSink = std::function<Status(std::span<const std::byte>)>;
/// Called once, before the first byte of the body. Its error ends the request.
using HttpHeadSink = std::function<Status(const HttpHead&)>;

/// GET, or POST, over HTTP/1.1 and HTTP/2, to any address family, with redirects between http and
/// https only. Holds nothing of a body. Goes through no proxy, whatever the environment says: the
/// address policy looks at the address of each connection, so also of redirects and of names that
/// change. Thread-safe; connections are kept for the next request.
class HttpClient {
  public:
    explicit HttpClient(HttpLimits limits = {}, AddressPolicy addresses = {});
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Blocks. The sink gets the body of a success only, at most max_bytes. kNotFound (404, 410),
    /// kPermission (401, 403, an address that the policy refuses), kBadData (another failure, or a
    /// server that ignores ranges), kLimit (max_bytes, redirects), kMismatch (the range lies past
    /// the end), kTimeout, kCancelled (within 100 ms), kIo, kInvalidArgument (no such URL).
    [[nodiscard]] Result<HttpAnswer> get(const HttpRequest& request,
                                         const HttpSink& sink,
                                         std::stop_token stop,
                                         const HttpHeadSink& on_head = {}) const;

    /// Blocks. An answer of any status is a success. Errors as of get() otherwise.
    [[nodiscard]] Result<HttpReply> exchange(const HttpRequest& request,
                                             std::stop_token stop) const;

  private:
    struct Pool;
    HttpLimits limits_;
    AddressPolicy addresses_;
    std::unique_ptr<Pool> pool_;
};

/// For messages: without user, password, query and fragment, which may be secrets.
[[nodiscard]] std::string printable_url(std::string_view url);

}  // namespace sg::protocols
