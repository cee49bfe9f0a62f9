#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <base/result.hpp>
#include <protocols/http_client.hpp>

#include "exit_codes.hpp"
#include "options.hpp"

namespace sg::apps {

/// A server's answer.
struct ServerReply {
    int status = 0;
    protocols::HttpHeaders headers;
    std::string body;
};

/// Speaks to a server's API. Errors: kIo and kTimeout when it cannot be reached, else what its
/// problem says, with the field at fault. Blocks.
class ServerClient {
  public:
    /// Server and key from flags, then from the environment (STREAMGATE_SERVER,
    /// STREAMGATE_API_KEY).
    [[nodiscard]] static Result<ServerClient> open(const ServerOptions& options);

    struct Request {
        std::string method = "GET";
        std::string path;                   ///< "/v1/jobs?limit=5"
        std::optional<std::string> body{};  ///< JSON, unless a Content-Type is in `headers`
        protocols::HttpHeaders headers{};
    };
    /// The answer of a success.
    [[nodiscard]] Result<ServerReply> call(Request request, std::stop_token stop = {}) const;
    /// Of any status.
    [[nodiscard]] Result<ServerReply> send(Request request, std::stop_token stop = {}) const;

    /// Server-sent events from `path`, from the one after `last` on, until the server closes, an
    /// error, or `on_event` says false. `data` is the event's JSON.
    using OnEvent = std::function<bool(std::string_view data)>;
    [[nodiscard]] Status stream(const std::string& path,
                                std::int64_t last,
                                const OnEvent& on_event,
                                std::stop_token stop) const;

    [[nodiscard]] const std::string& base() const { return base_; }

  private:
    ServerClient(std::string base, std::string key);
    [[nodiscard]] protocols::HttpRequest http_request(Request request) const;
    [[nodiscard]] Error unreachable(const Error& why) const;

    std::string base_;
    std::string key_;
    std::shared_ptr<const protocols::HttpClient> client_;
    std::shared_ptr<const protocols::HttpClient> streams_;
};

/// What a server says that it could not do: of a problem document its detail, the field at fault,
/// and further faults.
[[nodiscard]] Error server_error(const ServerReply& reply);

/// The exit code for an error of a server or of its flags.
[[nodiscard]] ExitCode exit_code_of(const Error& error);

/// A path's or query's part.
[[nodiscard]] std::string url_escaped(std::string_view text);

}  // namespace sg::apps
