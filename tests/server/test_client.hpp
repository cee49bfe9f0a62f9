#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <base/unique_fd.hpp>

namespace sg::server::test {

struct Answer {
    int status = 0;                             ///< 0: the connection ended first
    std::map<std::string, std::string> fields;  ///< lower-case names
    std::string body;
    bool whole = false;  ///< the body ended where its framing says
};

/// A plain blocking HTTP client with a generous deadline.
class TestClient {
  public:
    explicit TestClient(std::uint16_t port);

    [[nodiscard]] bool connected() const { return fd_.valid(); }
    void send(std::string_view bytes) const;
    /// "GET path HTTP/1.1" with these further header lines.
    void get(std::string_view path, std::string_view lines = {}) const;
    [[nodiscard]] Answer read(bool head = false);
    [[nodiscard]] Answer fetch(std::string_view path, std::string_view lines = {});
    /// Bytes so far of a chunked body, at least until `bytes` are there or the connection ends.
    [[nodiscard]] std::string read_until(std::string_view text);
    /// True when the server has closed.
    [[nodiscard]] bool at_end();
    void close() { fd_.reset(); }
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    bool fill();
    UniqueFd fd_;
    std::string inbox_;
};

[[nodiscard]] std::string gunzip(std::string_view bytes);

}  // namespace sg::server::test
