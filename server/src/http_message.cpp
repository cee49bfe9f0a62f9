#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <server/http_message.hpp>

namespace sg::server {

std::string_view method_name(Method method) noexcept {
    constexpr std::array<std::string_view, 8> kNames{
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"};
    return kNames[static_cast<std::size_t>(method)];
}

std::string_view Request::field(std::string_view name) const noexcept {
    const auto found = std::find_if(
        fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
    return found == fields.end() ? std::string_view() : std::string_view(found->value);
}

BodyPiece BodyPiece::of(const live::MediaBytes& media) {
    BodyPiece piece;
    piece.bytes = media.bytes;
    if (media.memory) {
        piece.owner = media.memory;
        piece.data = media.memory->data() + media.offset;
    } else {
        piece.file = media.file;
        piece.offset = media.offset;
    }
    return piece;
}

BodyPiece BodyPiece::of(std::shared_ptr<const std::string> text) {
    BodyPiece piece = of_static(*text);
    piece.owner = std::move(text);
    return piece;
}

BodyPiece BodyPiece::of_static(std::string_view text) {
    BodyPiece piece;
    piece.data = reinterpret_cast<const std::byte*>(text.data());
    piece.bytes = text.size();
    return piece;
}

void Response::add(std::string_view name, std::string_view value) {
    fields.append(name).append(": ");
    for (const char c : value) {
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) fields.push_back(c);
    }
    fields.append("\r\n");
}

std::uint64_t Response::body_bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& piece : body) sum += piece.bytes;
    return sum;
}

Response Response::text(int status, std::string_view content_type, std::string body) {
    Response response;
    response.status = status;
    response.add("Content-Type", content_type);
    response.body.push_back(BodyPiece::of(std::make_shared<const std::string>(std::move(body))));
    return response;
}

Response Response::error(int status, std::string_view code, std::string_view message) {
    auto response =
        text(status,
             "application/problem+json",
             fmt::format("{{\"type\":\"/problems/{0}\",\"title\":\"{1}\",\"status\":{2},"
                         "\"detail\":\"{3}\",\"code\":\"{0}\",\"retryable\":{4}}}\n",
                         code,
                         status_text(status),
                         status,
                         message,
                         status == 408 || status == 503));
    response.add("Cache-Control", "no-store");
    return response;
}

std::string_view status_text(int status) noexcept {
    using Entry = std::pair<int, std::string_view>;
    static constexpr std::array kTexts{
        Entry{100, "Continue"},
        Entry{101, "Switching Protocols"},
        Entry{200, "OK"},
        Entry{201, "Created"},
        Entry{202, "Accepted"},
        Entry{204, "No Content"},
        Entry{206, "Partial Content"},
        Entry{207, "Multi-Status"},
        Entry{302, "Found"},
        Entry{303, "See Other"},
        Entry{304, "Not Modified"},
        Entry{307, "Temporary Redirect"},
        Entry{308, "Permanent Redirect"},
        Entry{400, "Bad Request"},
        Entry{401, "Unauthorized"},
        Entry{403, "Forbidden"},
        Entry{404, "Not Found"},
        Entry{405, "Method Not Allowed"},
        Entry{406, "Not Acceptable"},
        Entry{408, "Request Timeout"},
        Entry{409, "Conflict"},
        Entry{410, "Gone"},
        Entry{411, "Length Required"},
        Entry{412, "Precondition Failed"},
        Entry{413, "Content Too Large"},
        Entry{415, "Unsupported Media Type"},
        Entry{416, "Range Not Satisfiable"},
        Entry{417, "Expectation Failed"},
        Entry{421, "Misdirected Request"},
        Entry{422, "Unprocessable Content"},
        Entry{423, "Locked"},
        Entry{426, "Upgrade Required"},
        Entry{428, "Precondition Required"},
        Entry{429, "Too Many Requests"},
        Entry{431, "Request Header Fields Too Large"},
        Entry{460, "Checksum Mismatch"},
        Entry{500, "Internal Server Error"},
        Entry{501, "Not Implemented"},
        Entry{502, "Bad Gateway"},
        Entry{503, "Service Unavailable"},
        Entry{504, "Gateway Timeout"},
        Entry{505, "HTTP Version Not Supported"},
        Entry{507, "Insufficient Storage"},
    };
    const auto* found =
        std::lower_bound(kTexts.begin(), kTexts.end(), status, [](const Entry& entry, int wanted) {
            return entry.first < wanted;
        });
    return found != kTexts.end() && found->first == status ? found->second : "Status";
}

std::string http_date(std::int64_t unix_seconds) {
    const std::time_t time = unix_seconds;
    std::tm parts{};
    gmtime_r(&time, &parts);
    constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> kMonths{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                       kDays[static_cast<std::size_t>(parts.tm_wday)],
                       parts.tm_mday,
                       kMonths[static_cast<std::size_t>(parts.tm_mon)],
                       parts.tm_year + 1900,
                       parts.tm_hour,
                       parts.tm_min,
                       parts.tm_sec);
}

}  // namespace sg::server
