// Package page draws the recording of a run as one self-contained HTML page: a
// space-time diagram with a lane for each replica and client, to understand a
// failure with, and to teach PBFT from.
//
// It runs nothing and decides nothing; sim records. The page loads nothing from
// anywhere, and everything from a recording is escaped. Equal recordings give
// equal pages.
package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed static
var static embed.FS

// scripts are joined in this order.
var scripts = []string{"model.js", "scale.js", "paint.js", "draw.js", "panel.js", "input.js"}

var layout = template.Must(template.ParseFS(static, "static/page.html"))

// Write writes the page of a recording. The only errors are of w, and of a
// message or mark whose party is not in the recording.
func Write(w io.Writer, rec Recording) error {
	if err := rec.check(); err != nil {
		return err
	}
	// json.Marshal escapes what could end a script element.
	encoded, err := json.Marshal(newData(&rec))
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	style, err := static.ReadFile("static/page.css")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	var script strings.Builder
	for _, name := range scripts {
		part, err := static.ReadFile("static/" + name)
		if err != nil {
			return fmt.Errorf("page: %w", err)
		}
		script.Write(part)
	}
	return layout.Execute(w, struct {
		Recording
		Style  template.CSS
		Script template.JS
		Data   template.JS
	}{rec, template.CSS(style), template.JS(script.String()), template.JS(encoded)})
}

// check refuses what the script could not draw.
func (rec *Recording) check() error {
	valid := func(i int) bool { return i >= 0 && i < len(rec.Parties) }
	for i := range rec.Messages {
		if m := &rec.Messages[i]; !valid(m.From) || !valid(m.To) {
			return fmt.Errorf("page: message %d goes from party %d to %d, and there are %d parties", i, m.From, m.To, len(rec.Parties))
		}
	}
	for i, m := range rec.Marks {
		if m.Party != Everyone && !valid(m.Party) {
			return fmt.Errorf("page: mark %d is of party %d, and there are %d parties", i, m.Party, len(rec.Parties))
		}
	}
	return nil
}
