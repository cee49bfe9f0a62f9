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
    auto response = text(status,
                         "application/json",
                         fmt::format("{{\"error\":\"{}\",\"message\":\"{}\"}}\n", code, message));
    response.add("Cache-Control", "no-store");
    return response;
}

std::string_view status_text(int status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 302:
            return "Found";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 411:
            return "Length Required";
        case 413:
            return "Content Too Large";
        case 416:
            return "Range Not Satisfiable";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
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
