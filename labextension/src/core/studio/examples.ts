/** Examples for an empty script. They are English in every language: the embedded model speaks nothing else. */

export interface Example {
  title: 'studio.example_interview' | 'studio.example_story' | 'studio.example_lecture' | 'studio.example_quarrel';
  script: string;
}

export const EXAMPLES: readonly Example[] = [
  {
    title: 'studio.example_interview',
    script: `Host: Good morning, and welcome to the show. Who is with us today?
Guest: My name is Mary, and I keep bees on the roof of a school.
Host: On the roof? How did that begin?
Guest: One of the children asked where honey comes from, and we did not know the answer.
`,
  },
  {
    title: 'studio.example_story',
    script: `Narrator: The old man opened the door and looked at the snow.
Boy: Is it time to go home?
Narrator: He did not answer at once. The street was white and very quiet.
Man: Not yet. First we will have some soup.
`,
  },
  {
    title: 'studio.example_lecture',
    script: `Teacher: Sound is a movement of the air. A low tone moves it slowly, and a high tone moves it fast.
Student: How fast is the lowest tone that we can hear?
Teacher: About twenty times in one second. The highest is a thousand times faster.
`,
  },
  {
    title: 'studio.example_quarrel',
    script: `Anna: You said you would wash the dishes.
Ben: I said I would do it tomorrow.
Anna: That was three days ago!
Ben: Then it is still true, isn't it?
`,
  },
];
