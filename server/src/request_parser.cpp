#include "request_parser.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>

#include "request_target.hpp"

namespace sg::server {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t kMaxFields = 100;

/// Beast's reasons in words. What makes two servers see two different requests has one of its own.
std::string_view problem_of(const error_code& error) {
    if (error == http::error::bad_transfer_encoding) {
        return "the transfer coding is malformed, or comes with a content length";
    }
    if (error == http::error::bad_content_length) {
        return "the content length is malformed, repeated, or comes with a transfer coding";
    }
    if (error == http::error::multiple_content_length) return "there are two content lengths";
    if (error == http::error::bad_line_ending || error == http::error::bad_obs_fold) {
        return "a header line must end with CR LF and stand on one line";
    }
    if (error == http::error::bad_field) return "the name of a header field is malformed";
    if (error == http::error::bad_value) return "the value of a header field is malformed";
    if (error == http::error::bad_target) return "the request's target is malformed";
    if (error == http::error::bad_method) return "the method is malformed";
    if (error == http::error::bad_version) return "the HTTP version is malformed";
    return "the request is malformed";
}

/// RFC 9112 §5.2: a folded line is refused. Beast would join it to the one before.
bool has_folded_line(std::string_view header) {
    return header.find("\r\n ") != std::string_view::npos ||
           header.find("\r\n\t") != std::string_view::npos;
}

Method method_of(http::verb verb) {
    switch (verb) {
        case http::verb::get:
            return Method::kGet;
        case http::verb::head:
            return Method::kHead;
        case http::verb::post:
            return Method::kPost;
        case http::verb::put:
            return Method::kPut;
        case http::verb::patch:
            return Method::kPatch;
        case http::verb::delete_:
            return Method::kDelete;
        case http::verb::options:
            return Method::kOptions;
        default:
            return Method::kOther;
    }
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

/// Beast's grammar, our storage: its own containers allocate for each field and index them.
class HeaderParser final : public http::basic_parser<true> {
  public:
    explicit HeaderParser(Request& request) : request_(request) {}
    std::string_view problem;
    int status = 400;
    std::size_t lengths = 0;
    std::size_t hosts = 0;
    std::size_t codings = 0;

  private:
    using string_view = boost::beast::string_view;

    void refuse(int code, std::string_view what, error_code& error) {
        status = code;
        problem = what;
        error = http::error::bad_value;
    }

    void on_request_impl(
        http::verb verb, string_view, string_view target, int version, error_code& error) override {
        if (version != 10 && version != 11) {
            return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here", error);
        }
        request_.method = method_of(verb);
        request_.minor_version = version % 10;
        auto parsed = server::parse_target({target.data(), target.size()});
        if (!parsed) return refuse(400, "the path is malformed", error);
        request_.path = std::move(parsed->path);
        request_.query = std::move(parsed->query);
    }
    void on_field_impl(http::field name,
                       string_view text,
                       string_view value,
                       error_code& error) override {
        if (request_.fields.size() >= kMaxFields) {
            return refuse(431, "there are too many header fields", error);
        }
        if (name == http::field::content_length && ++lengths > 1) {
            return refuse(400, "there are two content lengths", error);
        }
        if (name == http::field::host && ++hosts > 1) {
            return refuse(400, "there are two Host fields", error);
        }
        if (name == http::field::transfer_encoding && ++codings > 1) {
            return refuse(400, "there are two transfer codings", error);
        }
        request_.fields.push_back(
            {lower({text.data(), text.size()}), std::string(value.data(), value.size())});
    }
    void on_response_impl(int, string_view, int, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(string_view, error_code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override { return 0; }
    void on_finish_impl(error_code&) override {}

    Request& request_;
};

}  // namespace

ParsedHeader parse_header(std::string_view header) {
    ParsedHeader out;
    if (has_folded_line(header)) {
        out.status = 400;
        out.problem = "a header line must end with CR LF and stand on one line";
        return out;
    }
    HeaderParser parser(out.request);
    parser.header_limit(static_cast<std::uint32_t>(header.size() + 1));
    parser.body_limit(boost::none);
    error_code error;
    const std::size_t taken =
        parser.put(boost::asio::const_buffer(header.data(), header.size()), error);
    if (error && error != http::error::need_more) {
        out.status = parser.status;
        out.problem = parser.problem.empty() ? problem_of(error) : parser.problem;
        return out;
    }
    if (!parser.is_header_done() || taken != header.size()) {
        out.status = 400;
        out.problem = "the request is malformed";
        return out;
    }
    auto& request = out.request;
    request.keep_alive = parser.keep_alive();
    if (parser.codings > 0) {
        // RFC 9112 §6.1: neither beside a length, nor in HTTP/1.0, nor any other than the one.
        if (parser.lengths > 0 || request.minor_version == 0) {
            out.status = 400;
            out.problem = "a transfer coding comes with a content length, or in HTTP/1.0";
            return out;
        }
        if (lower(request.field("transfer-encoding")) != "chunked") {
            out.status = 501;
            out.problem = "no other transfer coding than chunked is understood";
            return out;
        }
        out.chunked = true;
    }
    if (request.minor_version == 1 && request.field("host").empty()) {
        out.status = 400;
        out.problem = "the Host field is missing";
        return out;
    }
    if (const auto length = request.field("content-length"); !length.empty()) {
        const auto result =
            std::from_chars(length.data(), length.data() + length.size(), out.content_length);
        if (result.ec != std::errc() || result.ptr != length.data() + length.size()) {
            out.status = 400;
            out.problem = "the content length is malformed";
            return out;
        }
    }
    out.expects_continue = lower(request.field("expect")) == "100-continue";
    return out;
}

}  // namespace sg::server
