import { useReducer } from 'react';

function reduce(notes, action) {
  switch (action.kind) {
    case 'add':
      return [...notes, { id: action.id, text: action.text }];
    case 'remove':
      return notes.filter((note) => note.id !== action.id);
    default:
      return notes;
  }
}

export default function Notes() {
  const [notes, dispatch] = useReducer(reduce, []);
  const add = (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    dispatch({ kind: 'add', id: crypto.randomUUID(), text: String(form.get('text')) });
    event.currentTarget.reset();
  };
  return (
    <section>
      <form onSubmit={add}>
        <input name="text" aria-label="A new note" required />
        <button type="submit">Keep</button>
      </form>
      <ul>
        {notes.map((note) => (
          <li key={note.id}>
            {note.text}{' '}
            <button type="button" onClick={() => dispatch({ kind: 'remove', id: note.id })}>
              Remove
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
