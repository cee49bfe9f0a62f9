#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <api/call.hpp>
#include <api/output_routes.hpp>
#include <boost/asio/thread_pool.hpp>
#include <server/playback_signature.hpp>

#include <base/clock.hpp>

#include "json_writer.hpp"
#include "output_files.hpp"

namespace sg::api {

/// Files below one address of the API.
struct ServedOutputs {
    std::string url;                     ///< "/v1/jobs/ID/outputs/"
    std::function<OutputFiles()> files;  ///< blocks
    bool final = true;                   ///< media will not change under its name
};

/// One page of a listing.
struct OutputPage {
    std::vector<OutputFile> items;
    std::optional<std::string> next;
};

/// How files of jobs and of clips are listed, sent and signed for viewers without credentials.
class OutputAnswers {
  public:
    OutputAnswers(OutputRoutesOptions options, const Clock& clock);
    ~OutputAnswers();
    OutputAnswers(const OutputAnswers&) = delete;
    OutputAnswers& operator=(const OutputAnswers&) = delete;

    /// What an open operation asks for itself: the token of an address that is signed for `url` or
    /// below, else empty, for credentials that are at least this.
    [[nodiscard]] std::variant<std::string, Problem> admit(const Call& call,
                                                           std::string_view url,
                                                           Role least,
                                                           std::string_view scope) const;

    /// By the parameters `limit` and `cursor`.
    [[nodiscard]] server::Task<std::variant<OutputPage, Problem>> page(Call& call,
                                                                       ServedOutputs outputs);
    /// Members "items" and "next_cursor".
    static void write_page(const OutputPage& page, std::string_view url, JsonWriter& out);
    [[nodiscard]] server::Task<Reply> send(Call& call,
                                           ServedOutputs outputs,
                                           std::string path,
                                           std::string token);
    /// Of a request with an OutputSign.
    [[nodiscard]] Reply sign(const Call& call, std::string_view url) const;
    [[nodiscard]] Reply preflight(const Call& call) const;

    [[nodiscard]] boost::asio::thread_pool& pool() { return pool_; }

  private:
    [[nodiscard]] std::int64_t now_s() const;
    void add_cors(const server::Request& request, server::Response& response) const;

    const OutputRoutesOptions options_;
    const Clock& clock_;
    const server::PlaybackSignature signature_;
    boost::asio::thread_pool pool_;
};

/// The operations on outputs below a pattern, "/v1/jobs/{id}/outputs", without handlers.
struct OutputOperations {
    Operation list;
    Operation sign;
    Operation download;
    Operation preflight;
};
[[nodiscard]] OutputOperations output_operations(const std::string& pattern,
                                                 const std::string& noun,
                                                 const std::string& tag);

/// Taken from the parameter `limit`; nothing when it is none from 1 to `most`.
[[nodiscard]] std::optional<std::size_t> limit_of(const Call& call,
                                                  std::size_t usual,
                                                  std::size_t most);

}  // namespace sg::api
