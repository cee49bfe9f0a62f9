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
    HeaderParser parser(out.request);
    parser.header_limit(static_cast<std::uint32_t>(header.size() + 1));
    parser.body_limit(boost::none);
    error_code error;
    const std::size_t taken =
        parser.put(boost::asio::const_buffer(header.data(), header.size()), error);
    if (error && error != http::error::need_more) {
        out.status = parser.status;
        out.problem = parser.problem.empty() ? "the request is malformed" : parser.problem;
        return out;
    }
    if (!parser.is_header_done() || taken != header.size()) {
        out.status = 400;
        out.problem = "the request is malformed";
        return out;
    }
    auto& request = out.request;
    request.keep_alive = parser.keep_alive();
    if (!request.field("transfer-encoding").empty()) {
        out.status = 411;
        out.problem = "a body must come with its length";
        return out;
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
