// Text as roff: what the man macros take.
//
// Threads  Safe, no state.
// Example  Roff page("SHOJI", "1"); page.Section("NAME").Text("shoji - containers in VMs");
#ifndef SHOJI_PROGRAMS_SHOJI_ROFF_H_
#define SHOJI_PROGRAMS_SHOJI_ROFF_H_

#include <string>
#include <vector>

namespace shoji::cli {

class Roff {
 public:
  Roff(const std::string& title, const std::string& section);

  Roff& Section(const std::string& name);
  Roff& Subsection(const std::string& name);
  // A paragraph.
  Roff& Text(const std::string& text);
  // A term in bold with an operand in italics, and what it is, indented.
  Roff& Item(const std::string& term, const std::string& operand, const std::string& text);
  // More of the same item.
  Roff& More(const std::string& text);
  // Lines as they are.
  Roff& Literal(const std::vector<std::string>& lines);

  const std::string& text() const { return text_; }

 private:
  void BeginParagraph();

  std::string text_;
};

// Backslashes, hyphens and a control character at the beginning, so that they are what they show.
std::string RoffEscape(const std::string& text);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_ROFF_H_
