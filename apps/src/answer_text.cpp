#include "answer_text.hpp"

#include <nlohmann/json.hpp>

#include "text_width.hpp"

namespace sg::apps {

std::string text(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? printable(found->get<std::string>())
                                                       : std::string();
}

}  // namespace sg::apps
