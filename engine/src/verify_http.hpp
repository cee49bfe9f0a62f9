#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <engine/verify.hpp>
#include <process/channel.hpp>
#include <protocols/http_client.hpp>

namespace sg::engine {

/// An object in a file in memory that cannot change any more.
struct FetchedObject {
    UniqueFd file;
    std::uint64_t bytes = 0;
    std::string url;  ///< where it was found, after redirects
};

/// The way to the network. Thread-safe.
class HttpGetter {
  public:
    virtual ~HttpGetter() = default;
    [[nodiscard]] virtual Result<FetchedObject> get(const protocols::HttpRequest& request,
                                                    std::stop_token stop) const = 0;
};

/// From this process.
[[nodiscard]] std::unique_ptr<HttpGetter> make_direct_getter();

/// A child's: asks its parent over sockets, one request at a time on each. `beat` is called after
/// each answer, from any thread.
[[nodiscard]] std::unique_ptr<HttpGetter> make_asking_getter(std::vector<UniqueFd> sockets,
                                                             std::function<void()> beat);

/// The parent's side: gets what a child asks for, but nothing from servers that neither the given
/// address nor a redirect of it named.
class FetchServer {
  public:
    explicit FetchServer(const std::string& location);

    /// Answers one socket until the child closes it, or a stop. Several threads may be in it.
    void serve(process::Channel channel, const std::stop_token& stop);

  private:
    [[nodiscard]] Result<FetchedObject> fetch(const std::string& request, std::stop_token stop);

    std::unique_ptr<HttpGetter> getter_;
    std::mutex mutex_;
    std::set<std::string> origins_;
};

/// verify() with another way to the network.
[[nodiscard]] Result<VerifyReport> verify_through(std::unique_ptr<HttpGetter> getter,
                                                  const std::string& location,
                                                  const VerifyOptions& options);

}  // namespace sg::engine
