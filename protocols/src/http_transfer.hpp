#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include <protocols/http_client.hpp>

namespace sg::protocols {

/// One request under way on a libcurl handle, which must live as long.
class HttpTransfer {
  public:
    enum class Statuses { kSuccessOnly, kAny };

    HttpTransfer(const HttpRequest& request,
                 const HttpSink& sink,
                 const HttpHeadSink& on_head,
                 Statuses statuses,
                 CURL* handle);
    HttpTransfer(const HttpTransfer&) = delete;
    HttpTransfer& operator=(const HttpTransfer&) = delete;

    void set_up(const HttpLimits& limits, AddressPolicy addresses);
    /// Blocks. The handle is added to `multi` and leaves it again.
    [[nodiscard]] Result<HttpAnswer> perform(CURLM* multi, const std::stop_token& stop);

    [[nodiscard]] Error fail(Errc code, const std::string& why) const;

  private:
    static std::size_t write_body(char* bytes, std::size_t size, std::size_t count, void* self);
    static std::size_t write_header(char* bytes, std::size_t size, std::size_t count, void* self);
    static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);

    [[nodiscard]] std::int64_t moved() const;
    [[nodiscard]] Result<CURLcode> run(CURLM* multi, const std::stop_token& stop) const;
    [[nodiscard]] Status take(std::span<const std::byte> bytes);
    [[nodiscard]] Status take_header(std::string_view line);
    [[nodiscard]] Status tell_head();
    void set_body();
    [[nodiscard]] bool sends() const { return request_.post_json || request_.body; }
    [[nodiscard]] long status() const;
    [[nodiscard]] Error too_large(std::uint64_t most) const;
    [[nodiscard]] Error of_status(long code) const;
    [[nodiscard]] Error explain(CURLcode code) const;
    [[nodiscard]] std::string text(CURLcode code) const;

    const HttpRequest& request_;
    const HttpSink& sink_;
    const HttpHeadSink& on_head_;
    Statuses statuses_;
    CURL* handle_;
    std::string name_;
    AddressPolicy addresses_;
    std::chrono::milliseconds silence_{0};
    HttpHead head_;
    std::size_t head_bytes_ = 0;
    bool head_told_ = false;
    std::uint64_t received_ = 0;
    std::optional<Error> failed_;
    std::optional<Error> refused_;  ///< an address; another one of the same name may do
    std::array<char, CURL_ERROR_SIZE> words_{};

    struct FreeList {
        void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    };
    std::unique_ptr<curl_slist, FreeList> headers_;
    void add_header(const std::string& line);
};

}  // namespace sg::protocols
